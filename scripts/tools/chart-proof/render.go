package main

import (
	"errors"
	"fmt"
	"strings"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	release "helm.sh/helm/v4/pkg/release/v1"
)

// render is `helm template`, in this process; it returns the manifest and the values that were given.
func render(request Request) (string, map[string]any, error) {
	values := map[string]any{}
	for _, text := range request.Values {
		more, err := loader.LoadValues(strings.NewReader(text))
		if err != nil {
			return "", nil, fmt.Errorf("failed to parse values: %w", err)
		}
		values = loader.MergeMaps(values, more)
	}
	// Loaded anew each time: rendering changes a chart.
	chart, err := loader.LoadDir(request.Chart)
	if err != nil {
		return "", nil, err
	}
	install := action.NewInstall(action.NewConfiguration())
	install.DryRunStrategy = action.DryRunClient
	install.ReleaseName = request.Release
	install.Namespace = request.Namespace
	install.Replace = true
	if request.KubeVersion != "" {
		if install.KubeVersion, err = common.ParseKubeVersion(request.KubeVersion); err != nil {
			return "", nil, err
		}
	}
	made, err := install.Run(chart, values)
	if err != nil {
		return "", nil, err
	}
	rendered, ok := made.(*release.Release)
	if !ok {
		return "", nil, errors.New("not a release that is known here")
	}
	var text strings.Builder
	fmt.Fprintln(&text, strings.TrimSpace(rendered.Manifest))
	for _, hook := range rendered.Hooks {
		fmt.Fprintf(&text, "---\n# Source: %s\n%s\n", hook.Path, hook.Manifest)
	}
	return text.String(), values, nil
}
