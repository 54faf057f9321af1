// Command chart-proof renders charts and says what an API server and the KubeRay operator would refuse of them.
//
//	chart-proof [-crds DIR] [-namespace N] [-gates A=true,B=false] [-pod-security restricted] [-foreign KIND,KIND]
//	            validate [FILE...]
//	chart-proof [-crds DIR] serve
//	chart-proof version
//
// validate reads YAML streams (standard input without files), prints a line `Kind/name: message` for each fault, and
// ends with 1 when there is one. serve answers requests, a line of JSON each, until its standard input ends: it renders
// as `helm template` does, in a fraction of its time, and validates what it rendered.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

// versions names what the answers are those of.
var versions = []string{"github.com/ray-project/kuberay/ray-operator", "helm.sh/helm/v4", "k8s.io/kubernetes"}

func main() {
	var settings Settings
	crds := flag.String("crds", "", "folder with CustomResourceDefinitions")
	gates := flag.String("gates", "", "the operator's feature gates, as NAME=true,NAME=false")
	flag.StringVar(&settings.Namespace, "namespace", "default", "namespace of objects that name none")
	flag.StringVar(&settings.PodSecurity, "pod-security", "", "Pod Security level that every pod must satisfy")
	flag.Func("foreign", "kinds that are passed over, as KIND,KIND", func(given string) error {
		settings.Foreign = strings.Split(given, ",")
		return nil
	})
	flag.Parse()
	// The logs of Helm, the operator and the API machinery.
	slog.SetDefault(slog.New(slog.DiscardHandler))
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())

	if flag.Arg(0) == "version" { // asked before there are any definitions
		printVersions()
		return
	}
	validator, err := NewValidator(*crds)
	check(err)
	switch command := flag.Arg(0); command {
	case "validate":
		check(setGates(*gates))
		faults := 0
		paths := flag.Args()[1:]
		if len(paths) == 0 {
			paths = []string{"/dev/stdin"}
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			check(err)
			for _, fault := range validator.Faults(text, settings) {
				fmt.Println(fault)
				faults++
			}
		}
		if faults > 0 {
			os.Exit(1)
		}
	case "serve":
		out := os.Stdout
		os.Stdout, err = os.Open(os.DevNull) // the operator's functions print
		check(err)
		check(serve(validator, os.Stdin, out))
	default:
		check(fmt.Errorf("%q is none of validate, serve, version", command))
	}
}

func printVersions() {
	build, _ := debug.ReadBuildInfo()
	for _, module := range build.Deps {
		for _, name := range versions {
			if module.Path == name {
				fmt.Println(module.Path, module.Version)
			}
		}
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "chart-proof:", err)
		os.Exit(2)
	}
}

// Request is a chart to render, and how.
type Request struct {
	Settings
	Chart       string   `json:"chart"`       // its folder
	Release     string   `json:"release"`     // name
	Values      []string `json:"values"`      // texts of values files, merged in this order
	KubeVersion string   `json:"kubeVersion"` // as with --kube-version
}

// Reply is what became of it. Without an error there are a manifest and its faults.
type Reply struct {
	Manifest string   `json:"manifest"`
	Made     string   `json:"made"` // what the operator makes of it, as YAML
	Error    string   `json:"error"`
	Faults   []string `json:"faults"`
}

func serve(validator *Validator, in io.Reader, out io.Writer) error {
	requests, replies := json.NewDecoder(bufio.NewReader(in)), json.NewEncoder(out)
	for {
		var request Request
		if err := requests.Decode(&request); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := replies.Encode(answer(validator, request)); err != nil {
			return err
		}
	}
}

func answer(validator *Validator, request Request) (reply Reply) {
	defer func() {
		if found := recover(); found != nil {
			reply = Reply{Error: fmt.Sprintf("panic: %v\n%s", found, debug.Stack())}
		}
	}()
	manifest, values, err := render(request)
	if err != nil {
		return Reply{Error: err.Error()}
	}
	// The environment's contract says how its operator is configured.
	given, _, _ := unstructured.NestedMap(values, "global", "ray", "operator", "featureGates")
	var pairs []string
	for name, on := range given {
		pairs = append(pairs, fmt.Sprintf("%s=%t", name, on))
	}
	if err := setGates(strings.Join(pairs, ",")); err != nil {
		// And a chart that may need more than the restricted level says so in its values.
		if level, found, _ := unstructured.NestedString(values, "podSecurity"); found {
			request.PodSecurity = level
		}
		return Reply{Manifest: manifest, Faults: []string{"the operator does not start: " + err.Error()}}
	}
	// And a chart that may need more than the restricted level says so in its values.
	if level, found, _ := unstructured.NestedString(values, "podSecurity"); found {
		request.PodSecurity = level
	}
	faults := validator.Faults([]byte(manifest), request.Settings)
	made, err := validator.Made()
	if err != nil {
		return Reply{Error: err.Error()}
	}
	return Reply{Manifest: manifest, Made: made, Faults: faults}
}
