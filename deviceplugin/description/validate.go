package description

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Limits bound the cost of a probe or a scrape.
const (
	maxPatterns  = 32
	maxWindow    = 32
	leastProbe   = 50 * time.Millisecond
	mostPrepared = 25 * time.Second // the kubelet's 30 s, less the way back
)

func (d *Description) validate() field.ErrorList {
	var errs field.ErrorList
	if d.Version != Version {
		errs = append(errs, field.NotSupported(field.NewPath("version"), d.Version, []string{Version}))
	}
	errs = append(errs, validateResource(field.NewPath("resource"), d.Resource)...)
	errs = append(errs, matches(field.NewPath("condition"), d.Condition, `^[A-Z][A-Za-z0-9]{0,55}Healthy$`, "a CamelCase name that ends in Healthy, such as NpuHealthy: the admission policy permits no other")...)
	errs = append(errs, d.PCI.validate(field.NewPath("pci"))...)
	errs = append(errs, each(field.NewPath("uuid"), d.UUID, below)...)
	errs = append(errs, d.Nodes.validate(field.NewPath("nodes"))...)
	errs = append(errs, d.Container.validate(field.NewPath("container"))...)
	errs = append(errs, d.Health.validate(field.NewPath("health"))...)
	errs = append(errs, d.Preparation.validate(field.NewPath("preparation"))...)
	return append(errs, validateTelemetry(field.NewPath("telemetry"), d.Telemetry)...)
}

// validateResource accepts names that are valid for the kubelet as extended resource and
// for CDI as vendor and class.
func validateResource(at *field.Path, name string) field.ErrorList {
	var errs field.ErrorList
	for _, message := range validation.IsQualifiedName(name) {
		errs = append(errs, field.Invalid(at, name, message))
	}
	domain, class, found := strings.Cut(name, "/")
	switch {
	case !found:
		errs = append(errs, field.Invalid(at, name, "must have a domain: vendor.example/device"))
	case domain == "kubernetes.io" || strings.HasSuffix(domain, ".kubernetes.io"):
		errs = append(errs, field.Invalid(at, name, "the domain kubernetes.io is reserved for Kubernetes"))
	default:
		errs = append(errs, matches(at, class, `^[A-Za-z]`, "a name that starts with a letter after the slash")...)
	}
	return errs
}

func (p PCI) validate(at *field.Path) field.ErrorList {
	errs := pciID(at.Child("vendor"), p.Vendor)
	errs = append(errs, each(at.Child("devices"), p.Devices, pciID)...)
	errs = append(errs, each(at.Child("classes"), p.Classes, pciClass)...)
	if values := []Functions{FunctionsAll, FunctionsPhysical, FunctionsVirtual, FunctionsUnshared}; !slices.Contains(values, p.Functions) {
		errs = append(errs, field.NotSupported(at.Child("functions"), p.Functions, values))
	}
	return append(errs, each(at.Child("drivers"), p.Drivers, driver)...)
}

func (n Nodes) validate(at *field.Path) field.ErrorList {
	errs := each(at.Child("sysfs"), n.Sysfs, below)
	errs = append(errs, each(at.Child("dev"), n.Dev, ownInDev)...)
	errs = append(errs, each(at.Child("partitions"), n.Partitions, below)...)
	return append(errs, each(at.Child("shared"), n.Shared, inDev)...)
}

func (c Container) validate(at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if c.Environment != "" {
		errs = matches(at.Child("environment"), c.Environment, `^[A-Za-z_][A-Za-z0-9_]*$`, "a variable's name")
	}
	if values := []EnvironmentValue{EnvironmentID, EnvironmentIndex}; !slices.Contains(values, c.EnvironmentValue) {
		errs = append(errs, field.NotSupported(at.Child("environmentValue"), c.EnvironmentValue, values))
	}
	for i, m := range c.Mounts {
		errs = append(errs, absolute(at.Child("mounts").Index(i).Child("hostPath"), m.HostPath)...)
		errs = append(errs, absolute(at.Child("mounts").Index(i).Child("containerPath"), m.ContainerPath)...)
	}
	return errs
}

func (h Health) validate(at *field.Path) field.ErrorList {
	errs := between(at.Child("interval"), h.Interval, leastProbe, time.Hour)
	errs = append(errs, between(at.Child("timeout"), h.Timeout, leastProbe, time.Minute)...)
	errs = append(errs, between(at.Child("rescan"), h.Rescan, leastProbe, time.Hour)...)
	errs = append(errs, between(at.Child("staleAfter"), h.StaleAfter, h.Interval.Duration, 24*time.Hour)...)
	errs = append(errs, between(at.Child("forgetAfter"), h.ForgetAfter, h.Rescan.Duration, 24*time.Hour)...)
	errs = append(errs, h.Fail.validate(at.Child("fail"))...)
	errs = append(errs, h.Recover.validate(at.Child("recover"))...)
	if len(h.Attributes) > maxPatterns {
		errs = append(errs, field.TooMany(at.Child("attributes"), len(h.Attributes), maxPatterns))
	}
	for i, a := range h.Attributes {
		errs = append(errs, a.validate(at.Child("attributes").Index(i))...)
	}
	return errs
}

func (f Fail) validate(at *field.Path) field.ErrorList {
	errs := between(at.Child("dwell"), f.Dwell, 0, time.Hour)
	if f.Of < 1 || f.Of > maxWindow {
		errs = append(errs, field.Invalid(at.Child("of"), f.Of, fmt.Sprintf("must be between 1 and %d", maxWindow)))
	}
	if f.Bad < 1 || f.Bad > f.Of {
		errs = append(errs, field.Invalid(at.Child("bad"), f.Bad, "must be between 1 and of: a larger count is never reached"))
	}
	return errs
}

func (r Recover) validate(at *field.Path) field.ErrorList {
	errs := between(at.Child("dwell"), *r.Dwell, 0, 24*time.Hour)
	if r.Good < 1 || r.Good > maxWindow {
		errs = append(errs, field.Invalid(at.Child("good"), r.Good, fmt.Sprintf("must be between 1 and %d", maxWindow)))
	}
	return errs
}

func (a Attribute) validate(at *field.Path) field.ErrorList {
	errs := below(at.Child("path"), a.Path)
	rules := 0
	for _, set := range []bool{len(a.Equals) > 0, len(a.Not) > 0, a.Within != nil, a.Changes} {
		if set {
			rules++
		}
	}
	if rules != 1 {
		errs = append(errs, field.Invalid(at, a.Path, "must have exactly one of equals, not, within and changes"))
	}
	if a.Within != nil && a.Within.Min > a.Within.Max {
		errs = append(errs, field.Invalid(at.Child("within"), fmt.Sprintf("%d..%d", a.Within.Min, a.Within.Max), "is empty"))
	}
	if a.WhenAbsent != AbsenceUnknown && a.WhenAbsent != AbsenceIgnored {
		errs = append(errs, field.NotSupported(at.Child("whenAbsent"), a.WhenAbsent, []Absence{AbsenceUnknown, AbsenceIgnored}))
	}
	return errs
}

func (p Preparation) validate(at *field.Path) field.ErrorList {
	errs := between(at.Child("timeout"), p.Timeout, leastProbe, mostPrepared)
	if p.Free != nil {
		errs = append(errs, p.Free.validate(at.Child("free"))...)
	}
	return errs
}

func validateTelemetry(at *field.Path, series []Series) field.ErrorList {
	var errs field.ErrorList
	if len(series) > maxPatterns {
		errs = append(errs, field.TooMany(at, len(series), maxPatterns))
	}
	seen := map[string]bool{}
	for i, s := range series {
		errs = append(errs, matches(at.Index(i).Child("name"), s.Name, `^[a-z][a-z0-9_]*$`, "a metric's name in lower case")...)
		if prefix, _, _ := strings.Cut(s.Name, "_"); slices.Contains([]string{"go", "nufi", "process", "promhttp"}, prefix) {
			errs = append(errs, field.Invalid(at.Index(i).Child("name"), s.Name, "must not begin as the plugin's own metrics do, with "+prefix+"_"))
		}
		errs = append(errs, below(at.Index(i).Child("path"), s.Path)...)
		if s.Help == "" {
			errs = append(errs, field.Required(at.Index(i).Child("help"), "dashboards show it"))
		}
		if s.Divisor < 1 {
			errs = append(errs, field.Invalid(at.Index(i).Child("divisor"), s.Divisor, "must be at least 1"))
		}
		if seen[s.Name] {
			errs = append(errs, field.Duplicate(at.Index(i).Child("name"), s.Name))
		}
		seen[s.Name] = true
	}
	return errs
}
