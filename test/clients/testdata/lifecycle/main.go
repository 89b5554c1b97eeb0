// Command lifecycle takes a deployment through its life with the client that oapi-codegen generates.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

const name = "go"

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := run(ctx, os.Getenv("NUFI_NAMESPACE")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, namespace string) error {
	client, err := NewClientWithResponses(os.Getenv("NUFI_URL"), WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+os.Getenv("NUFI_TOKEN"))
		return nil
	}))
	if err != nil {
		return err
	}
	watch, err := client.WatchNpuDeploys(ctx, namespace, &WatchNpuDeploysParams{})
	if err != nil {
		return err
	}
	defer watch.Body.Close()
	events := bufio.NewScanner(watch.Body)
	events.Buffer(nil, 1<<20)

	// An error is a problem, and has the path of the field.
	dryRun := CreateNpuDeployParamsDryRun("All")
	invalid, err := client.CreateNpuDeployWithResponse(ctx, namespace, &CreateNpuDeployParams{DryRun: &dryRun}, input(3))
	if err != nil {
		return err
	}
	if problem := invalid.ApplicationproblemJSON422; problem == nil || problem.Errors == nil || (*problem.Errors)[0].Field != "spec.accelerator.count" {
		return fmt.Errorf("no violation: %s", invalid.Body)
	}

	created, err := client.CreateNpuDeployWithResponse(ctx, namespace, &CreateNpuDeployParams{}, input(1))
	if err != nil {
		return err
	}
	if created.JSON201 == nil || created.JSON201.Metadata.Uid == nil {
		return fmt.Errorf("not created: %s", created.Body)
	}
	if err := await(events, "MODIFIED", isApplied); err != nil {
		return err
	}

	// Change the version that was read.
	read, err := client.ReadNpuDeployWithResponse(ctx, namespace, name, &ReadNpuDeployParams{})
	if err != nil {
		return err
	}
	etag := read.HTTPResponse.Header.Get("ETag")
	changed, err := client.PutNpuDeployWithResponse(ctx, namespace, name, &PutNpuDeployParams{IfMatch: &etag}, input(2))
	if err != nil {
		return err
	}
	if changed.JSON200 == nil || *changed.JSON200.Spec.Accelerator.Count != 2 {
		return fmt.Errorf("not changed: %s", changed.Body)
	}
	outdated, err := client.PutNpuDeployWithResponse(ctx, namespace, name, &PutNpuDeployParams{IfMatch: &etag}, input(1))
	if err != nil {
		return err
	}
	if outdated.ApplicationproblemJSON412 == nil {
		return fmt.Errorf("the former version was changed: %s", outdated.Body)
	}

	// There is no node for its pods.
	pods, err := client.ListPodsWithResponse(ctx, namespace, name)
	if err != nil {
		return err
	}
	if pods.JSON200 == nil || pods.JSON200.Ready.Status != "False" {
		return fmt.Errorf("pods: %s", pods.Body)
	}

	deleted, err := client.DeleteNpuDeployWithResponse(ctx, namespace, name, &DeleteNpuDeployParams{})
	if err != nil {
		return err
	}
	if deleted.StatusCode() != http.StatusAccepted {
		return fmt.Errorf("not deleted: %s", deleted.Body)
	}
	return await(events, "DELETED", func(NpuDeploy) bool { return true })
}

func input(count int32) NpuDeployInput {
	deployName, model := name, "org/model"
	return NpuDeployInput{
		Metadata: &ObjectMeta{Name: &deployName},
		Spec:     &NpuDeploySpec{Model: &model, Accelerator: &NpuDeploySpecAccelerator{Type: "atom", Count: &count}},
	}
}

func isApplied(deploy NpuDeploy) bool {
	if deploy.Status == nil || deploy.Status.Conditions == nil {
		return false
	}
	for _, condition := range *deploy.Status.Conditions {
		if condition.Type == "Applied" && condition.Status == "True" {
			return true
		}
	}
	return false
}

// await reads events up to one of a type with a matching object.
func await(events *bufio.Scanner, eventType string, matches func(NpuDeploy) bool) error {
	last := ""
	for events.Scan() {
		field, value, _ := strings.Cut(events.Text(), ": ")
		switch field {
		case "event":
			last = value
		case "data":
			var deploy NpuDeploy
			if err := json.Unmarshal([]byte(value), &deploy); err != nil {
				return err
			}
			if last == eventType && deploy.Metadata.Name != nil && *deploy.Metadata.Name == name && matches(deploy) {
				return nil
			}
		}
	}
	return fmt.Errorf("the stream ended before %s: %w", eventType, events.Err())
}
