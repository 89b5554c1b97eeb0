package main

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/deviceplugin/description"
	"github.com/dudaji/nufi/deviceplugin/health"
	"github.com/dudaji/nufi/deviceplugin/probe"
)

const page = "../../docs/device-plugin.md"

func TestDocsListEachReason(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range []string{
		health.NotProbed, probe.Answering, probe.DeviceRemoved, probe.DeviceNodeMissing, probe.OffTheBus,
		probe.DriverMissing, probe.AttributeBad, probe.NoData,
	} {
		if !strings.Contains(string(text), "\n| `"+reason+"` |") {
			t.Errorf("%s has no row for %s", page, reason)
		}
	}
}

func TestDocsListEachFieldOfADescription(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	fields := fieldsOf(reflect.TypeFor[description.Description](), "")
	if len(fields) < 45 {
		t.Errorf("only %d fields were found", len(fields))
	}
	for _, field := range fields {
		if row := regexp.MustCompile("(?m)^\\| [^|]*`" + regexp.QuoteMeta(field) + "`"); !row.Match(text) {
			t.Errorf("%s has no row for %s", page, field)
		}
	}
}

// fieldsOf returns the paths of all fields; a list's element has its list's path.
func fieldsOf(of reflect.Type, prefix string) []string {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct || of == reflect.TypeFor[metav1.Duration]() {
		return []string{strings.TrimSuffix(prefix, ".")}
	}
	var fields []string
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		fields = append(fields, fieldsOf(of.Field(i).Type, prefix+name+".")...)
	}
	return fields
}

// The facts and the description in the docs must be of one device.
func TestDescriptionInTheDocsIsValid(t *testing.T) {
	text, err := os.ReadFile("../../docs/adding-an-accelerator.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "```yaml\n")
	example, _, found := strings.Cut(after, "```")
	if !found {
		t.Fatal("there is no description")
	}
	d, err := description.Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if facts := `resource: "` + d.Resource + `"`; !strings.Contains(string(text), facts) {
		t.Errorf("the facts do not have %s", facts)
	}
}
