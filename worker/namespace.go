package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/stoker-spark/stoker/workflows"
)

// CheckNamespace reports which search attributes the namespace lacks: without
// them every job would be stuck at its first phase.
func CheckNamespace(ctx context.Context, c client.Client, namespace string) error {
	missing, err := missingAttributes(ctx, c, namespace)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("namespace %s lacks the search attributes %s; run: stoker admin init", namespace, strings.Join(missing, ", "))
	}
	return nil
}

// InitNamespace registers the search attributes that the namespace lacks, and
// returns them. Done again it does nothing.
func InitNamespace(ctx context.Context, c client.Client, namespace string) ([]string, error) {
	missing, err := missingAttributes(ctx, c, namespace)
	if err != nil || len(missing) == 0 {
		return missing, err
	}
	types := make(map[string]enums.IndexedValueType, len(missing))
	for _, name := range missing {
		types[name] = workflows.SearchAttributes()[name]
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: namespace, SearchAttributes: types,
	})
	if err != nil {
		err = fmt.Errorf("register search attributes %s: %w", strings.Join(missing, ", "), err)
	}
	var exists *serviceerror.AlreadyExists
	if errors.As(err, &exists) {
		// Somebody else was faster with all of them, or one has another type.
		if still, listErr := missingAttributes(ctx, c, namespace); listErr != nil || len(still) > 0 {
			return nil, err
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return missing, nil
}

const (
	// knownWithin is how long servers may take to learn of new search attributes.
	knownWithin = time.Minute
	// askEvery is how often they are asked meanwhile.
	askEvery = 200 * time.Millisecond
)

// AwaitNamespace waits until the server takes jobs with our search attributes: one
// that keeps them in SQL refuses workflows for some seconds after they were
// registered.
func AwaitNamespace(ctx context.Context, c client.Client, namespace string) error {
	return awaitNamespace(ctx, c, namespace, knownWithin)
}

func awaitNamespace(ctx context.Context, c client.Client, namespace string, within time.Duration) error {
	var terms []string
	for _, name := range slices.Sorted(maps.Keys(workflows.SearchAttributes())) {
		terms = append(terms, name+" = ''")
	}
	waiting, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		_, err := c.CountWorkflow(waiting, &workflowservice.CountWorkflowExecutionsRequest{
			Namespace: namespace, Query: strings.Join(terms, " AND "),
		})
		var unknown *serviceerror.InvalidArgument
		if !errors.As(err, &unknown) {
			return err
		}
		select {
		case <-waiting.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("namespace %s has the search attributes, but does not take them after %s: %w; run stoker admin init again", namespace, within, err)
		case <-time.After(askEvery):
		}
	}
}

func missingAttributes(ctx context.Context, c client.Client, namespace string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	present, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{
		Namespace: namespace,
	})
	if err != nil {
		return nil, fmt.Errorf("ask temporal for its search attributes: %w", err)
	}
	var missing []string
	for name, kind := range workflows.SearchAttributes() {
		if present.GetCustomAttributes()[name] != kind {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	return missing, nil
}
