package description

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	maxPattern = 256
	// maxWild bounds the matches of a pattern: links in sysfs form cycles, and each
	// wildcard multiplies the matches.
	maxWild = 3
)

// rule validates one value.
type rule func(at *field.Path, value string) field.ErrorList

// each applies a rule to a bounded list.
func each(at *field.Path, values []string, check rule) field.ErrorList {
	var errs field.ErrorList
	if len(values) > maxPatterns {
		errs = append(errs, field.TooMany(at, len(values), maxPatterns))
	}
	for i, value := range values {
		errs = append(errs, check(at.Index(i), value)...)
	}
	return errs
}

func pciID(at *field.Path, value string) field.ErrorList {
	if lower := strings.ToLower(value); lower != value && regexp.MustCompile(`^0x[0-9a-f]{4}$`).MatchString(lower) {
		return field.ErrorList{field.Invalid(at, value, fmt.Sprintf("must be in lower case, as sysfs writes it: %q", lower))}
	}
	return matches(at, value, `^0x[0-9a-f]{4}$`, `a PCI id as sysfs writes it, quoted: "0x1f56"`)
}

func pciClass(at *field.Path, value string) field.ErrorList {
	return matches(at, value, `^0x([0-9a-f]{2}){1,3}$`, `one to three bytes of a class code, quoted: "0x12"`)
}

func driver(at *field.Path, value string) field.ErrorList {
	return matches(at, value, `^[A-Za-z0-9_-]+$`, "a kernel driver's name")
}

// below accepts a pattern that stays below the directory it is resolved against.
func below(at *field.Path, p string) field.ErrorList {
	errs := pattern(at, p)
	if path.IsAbs(p) || path.Clean(p) != p || p == "." || p == ".." || strings.HasPrefix(p, "../") {
		errs = append(errs, field.Invalid(at, p, "must be a path below the device's sysfs directory"))
	}
	return errs
}

func inDev(at *field.Path, p string) field.ErrorList {
	errs := pattern(at, p)
	if !strings.HasPrefix(p, "/dev/") || path.Clean(p) != p {
		errs = append(errs, field.Invalid(at, p, "must be a path below /dev"))
	}
	return errs
}

func ownInDev(at *field.Path, p string) field.ErrorList {
	errs := inDev(at, p)
	if !strings.Contains(p, "{address}") {
		errs = append(errs, field.Invalid(at, p, "must contain {address}: a node of all devices belongs in shared, and one with an index in sysfs, which follows the driver's names"))
	}
	return errs
}

func pattern(at *field.Path, p string) field.ErrorList {
	var errs field.ErrorList
	if p == "" || len(p) > maxPattern || strings.ContainsAny(p, "\x00\n") {
		errs = append(errs, field.Invalid(at, p, fmt.Sprintf("must be one line of 1 to %d bytes", maxPattern)))
	}
	if _, err := path.Match(p, ""); err != nil {
		errs = append(errs, field.Invalid(at, p, err.Error()))
	}
	wild := 0
	for element := range strings.SplitSeq(p, "/") {
		if strings.ContainsAny(element, `*?[`) {
			wild++
		}
	}
	if wild > maxWild {
		errs = append(errs, field.Invalid(at, p, fmt.Sprintf("must have wildcards in no more than %d elements", maxWild)))
	}
	return errs
}

func absolute(at *field.Path, p string) field.ErrorList {
	if !path.IsAbs(p) || path.Clean(p) != p {
		return field.ErrorList{field.Invalid(at, p, "must be a clean absolute path")}
	}
	return nil
}

func between(at *field.Path, d metav1.Duration, least, most time.Duration) field.ErrorList {
	if d.Duration < least || d.Duration > most {
		return field.ErrorList{field.Invalid(at, d.Duration.String(), fmt.Sprintf("must be between %s and %s", least, most))}
	}
	return nil
}

func matches(at *field.Path, value, expression, expected string) field.ErrorList {
	if !regexp.MustCompile(expression).MatchString(value) {
		return field.ErrorList{field.Invalid(at, value, "must be "+expected)}
	}
	return nil
}
