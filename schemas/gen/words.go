package main

import (
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
)

// phrases returns descriptions of the patterns in schemas/v1.
func phrases() map[string]string {
	const (
		label     = "must be a lower-case DNS label"
		subdomain = "must be a lower-case DNS name"
		image     = `([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?((\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+(:[0-9]+)?|:[0-9]+)/)?[a-z0-9]+(([._]|__|-+|/)[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64}|@sha512:[0-9a-f]{128})?` // a pattern
		directory = "must be an absolute path such as /mnt/data, without .. and without a slash at its end"
	)
	return map[string]string{
		`^[\p{L}\p{N}](.*\S)?$`: "must be a name that starts with a letter or digit, in one line",
		patternLabel:            label,
		patternSubdomain:        subdomain,
		`^(/[A-Za-z0-9._-]*[A-Za-z0-9_-][A-Za-z0-9._-]*)+$`:    directory,
		`^(/[A-Za-z0-9._~-]*[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`: "must be a path such as /llama, without .. and without a slash at its end",
		"^" + image + "$":        "must be an image reference such as vllm/vllm-openai:v0.11.0",
		patternKey:               "must be a key such as zone or topology.kubernetes.io/zone",
		"^$|" + patternKey:       "must be a key such as zone or topology.kubernetes.io/zone",
		patternVariable:          "must be the name of a variable, in ASCII and without =",
		patternConfigKey:         "must be a key: letters, digits, - _ and ., without .. at its start",
		patternHeader:            "must be the name of a header: letters, digits and -",
		"^$|" + patternLabel:     label,
		"^$|" + patternSubdomain: subdomain,
		patternMedium:            "must be Memory, HugePages, or HugePages with a size such as HugePages-2Mi",
		patternSigner:            "must be the name of a signer such as example.com/signer",
		patternTrustBundle:       "must be the name of a ClusterTrustBundle",
		patternTarget:            "must be the name of an iSCSI target or initiator, such as iqn.2026-01.com.example:disk",
		patternProfile:           "must be the name of a profile, without spaces around it",
		"^$|" + patternVariable:  "must be the name of a variable, in ASCII and without =",
		patternDriver:            "must be the name of a driver, a DNS name",
		patternRelativePath:      "must be a path without a slash at its start",
		`^([0-9]+-)*[0-9]*[a-z][a-z0-9]*(-[a-z0-9]+)*$`: "must be lower-case letters and digits, with a letter and single dashes",
		"^/": "must be an absolute path",
		`^(0*[1-9][0-9]*(\.[0-9]+)?|0+\.0*[1-9][0-9]*)(Mi|Gi|Ti|M|G|T)$`: "must be a size above 0, such as 15Gi",
		patternLabelValue: "must be a label value: letters, digits, - _ and . inside",
		"^(oci://" + image + `|pvc://[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*(/[A-Za-z0-9][A-Za-z0-9._-]*)*|((hf|s3|gs)://|/)?[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*(:[A-Za-z0-9][A-Za-z0-9._-]*)?|(/[A-Za-z0-9][A-Za-z0-9._-]*)+/)$`: "must be a model id such as org/name, an absolute path, or a URI such as pvc://claim/path",
		`^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`:                                                                                                                                                              "must be a name, or namespace/name, in lower case",
		`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$`:                                                                                                                                                                                          "must be a lower-case DNS name such as llama.example.com",
	}
}

// inWords adds the phrase of a pattern as an error, if there is one.
func inWords(match *ast.UnaryExpr) ast.Expr {
	pattern, ok := match.X.(*ast.BasicLit)
	if !ok {
		return match
	}
	text, err := literal.Unquote(pattern.Value)
	if phrase, known := phrases()[text]; known && err == nil {
		return &ast.ParenExpr{X: orError(match, phrase)}
	}
	return match
}
