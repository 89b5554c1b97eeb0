package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/render"
)

// accelerators returns the types of devices, with the program's own policy.
func accelerators(context.Context) (string, error) {
	templates, err := render.Compile(nufi.Module())
	if err != nil {
		return "", err
	}
	var rows [][]string
	for _, a := range templates.Catalogue.Accelerators {
		rows = append(rows, []string{
			"`" + a.Name + "`", a.Vendor + " " + a.Product, "`" + a.Resource + "`", memory(a.MemoryGiB), counts(a.Counts), image(a.Image),
		})
	}
	return table([]string{"`type`", "Device", "Resource", "Memory", "`count`", "Image of the server"}, rows), nil
}

// memory returns the memory of a device, or a dash if it is not known.
func memory(gib int64) string {
	if gib == 0 {
		return "-"
	}
	return fmt.Sprintf("%d GiB", gib)
}

// counts lists numbers of devices. If there is no rule, it is a range.
func counts(numbers []int64) string {
	if last := len(numbers) - 1; last > 1 && numbers[last] == int64(last+1) {
		return fmt.Sprintf("1 to %d", last+1)
	}
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(numbers), " ", ", "), "[]")
}

// image returns the image of a server, unless it is a placeholder.
func image(reference string) string {
	if reference == "" || strings.HasPrefix(reference, "registry.example.com/") {
		return "-"
	}
	return "`" + reference + "`"
}
