package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	metalabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	serializer "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/batch"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	batchvalidation "k8s.io/kubernetes/pkg/apis/batch/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	networkingvalidation "k8s.io/kubernetes/pkg/apis/networking/validation"
	"k8s.io/kubernetes/pkg/apis/policy"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	policyvalidation "k8s.io/kubernetes/pkg/apis/policy/validation"
	"k8s.io/kubernetes/pkg/apis/rbac"
	_ "k8s.io/kubernetes/pkg/apis/rbac/install"
	rbacvalidation "k8s.io/kubernetes/pkg/apis/rbac/validation"
	_ "k8s.io/kubernetes/pkg/apis/scheduling/install"
	schedulingvalidation "k8s.io/kubernetes/pkg/apis/scheduling/validation"
	_ "k8s.io/kubernetes/pkg/apis/storage/install"
	storagevalidation "k8s.io/kubernetes/pkg/apis/storage/validation"
	securityapi "k8s.io/pod-security-admission/api"
	security "k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// Settings say what objects are validated against.
type Settings struct {
	Namespace   string   `json:"namespace"`   // of objects that name none
	PodSecurity string   `json:"podSecurity"` // level that every pod must satisfy; empty for none
	Foreign     []string `json:"foreign"`     // kinds that nothing here knows
}

// rule is how the API server validates a new object of a kind.
type rule struct {
	namespaced bool
	validate   func(runtime.Object) field.ErrorList
}

func of[T runtime.Object](namespaced bool, validate func(T) field.ErrorList) rule {
	return rule{namespaced, func(object runtime.Object) field.ErrorList { return validate(object.(T)) }}
}

// kinds are those of Kubernetes that charts render: its own functions, with the options of a creation.
var kinds = map[schema.GroupKind]rule{
	{Kind: "ConfigMap"}:      of(true, corevalidation.ValidateConfigMap),
	{Kind: "LimitRange"}:     of(true, corevalidation.ValidateLimitRange),
	{Kind: "Namespace"}:      of(false, corevalidation.ValidateNamespace),
	{Kind: "ResourceQuota"}:  of(true, corevalidation.ValidateResourceQuota),
	{Kind: "Secret"}:         of(true, corevalidation.ValidateSecret),
	{Kind: "ServiceAccount"}: of(true, corevalidation.ValidateServiceAccount),
	{Kind: "PersistentVolume"}: of(false, func(volume *core.PersistentVolume) field.ErrorList {
		return corevalidation.ValidatePersistentVolume(
			volume, corevalidation.ValidationOptionsForPersistentVolume(volume, nil))
	}),
	{Kind: "PersistentVolumeClaim"}: of(true, func(claim *core.PersistentVolumeClaim) field.ErrorList {
		return corevalidation.ValidatePersistentVolumeClaim(
			claim, corevalidation.ValidationOptionsForPersistentVolumeClaim(claim, nil))
	}),
	{Kind: "Pod"}: of(true, func(pod *core.Pod) field.ErrorList {
		options := podutil.GetValidationOptionsFromPodSpecAndMeta(&pod.Spec, nil, &pod.ObjectMeta, nil)
		options.ResourceIsPod = true
		return corevalidation.ValidatePodCreate(pod, options)
	}),
	{Kind: "Service"}: of(true, func(service *core.Service) field.ErrorList {
		if service.Spec.ClusterIP != "" && len(service.Spec.ClusterIPs) == 0 { // the API server adds it
			service.Spec.ClusterIPs = []string{service.Spec.ClusterIP}
		}
		return corevalidation.ValidateServiceCreate(service)
	}),
	{Group: "apps", Kind: "DaemonSet"}: of(true, func(set *apps.DaemonSet) field.ErrorList {
		return appsvalidation.ValidateDaemonSet(set, templateOptions(&set.Spec.Template))
	}),
	{Group: "apps", Kind: "Deployment"}: of(true, func(deployment *apps.Deployment) field.ErrorList {
		return appsvalidation.ValidateDeployment(deployment, templateOptions(&deployment.Spec.Template))
	}),
	{Group: "apps", Kind: "StatefulSet"}: of(true, func(set *apps.StatefulSet) field.ErrorList {
		return appsvalidation.ValidateStatefulSet(set, templateOptions(&set.Spec.Template))
	}),
	{Group: "batch", Kind: "CronJob"}: of(true, func(job *batch.CronJob) field.ErrorList {
		return batchvalidation.ValidateCronJobCreate(job, templateOptions(&job.Spec.JobTemplate.Spec.Template))
	}),
	{Group: "batch", Kind: "Job"}: of(true, func(job *batch.Job) field.ErrorList {
		// What the API server adds before it validates.
		job.UID = "uid"
		labels := map[string]string{
			batch.LegacyControllerUidLabel: "uid",
			batch.ControllerUidLabel:       "uid",
			batch.LegacyJobNameLabel:       job.Name,
			batch.JobNameLabel:             job.Name,
		}
		job.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{batch.ControllerUidLabel: "uid"}}
		job.Spec.Template.Labels = metalabels.Merge(job.Spec.Template.Labels, labels)
		return batchvalidation.ValidateJob(job, batchvalidation.JobValidationOptions{
			PodValidationOptions:  templateOptions(&job.Spec.Template),
			RequirePrefixedLabels: true,
		})
	}),
	{Group: "networking.k8s.io", Kind: "Ingress"}: of(true, networkingvalidation.ValidateIngressCreate),
	{Group: "networking.k8s.io", Kind: "NetworkPolicy"}: of(true, func(rule *networking.NetworkPolicy) field.ErrorList {
		return networkingvalidation.ValidateNetworkPolicy(
			rule, networkingvalidation.ValidationOptionsForNetworking(rule, nil))
	}),
	{Group: "policy", Kind: "PodDisruptionBudget"}: of(true, func(budget *policy.PodDisruptionBudget) field.ErrorList {
		return policyvalidation.ValidatePodDisruptionBudget(
			budget, policyvalidation.PodDisruptionBudgetValidationOptions{})
	}),
	{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}: of(false, func(role *rbac.ClusterRole) field.ErrorList {
		return rbacvalidation.ValidateClusterRole(role, rbacvalidation.ClusterRoleValidationOptions{})
	}),
	{Group: "rbac.authorization.k8s.io", Kind: "ClusterRoleBinding"}: of(false, rbacvalidation.ValidateClusterRoleBinding),
	{Group: "rbac.authorization.k8s.io", Kind: "Role"}:               of(true, rbacvalidation.ValidateRole),
	{Group: "rbac.authorization.k8s.io", Kind: "RoleBinding"}:        of(true, rbacvalidation.ValidateRoleBinding),
	{Group: "scheduling.k8s.io", Kind: "PriorityClass"}:              of(false, schedulingvalidation.ValidatePriorityClass),
	{Group: "storage.k8s.io", Kind: "CSIDriver"}:                     of(false, storagevalidation.ValidateCSIDriver),
	{Group: "storage.k8s.io", Kind: "StorageClass"}:                  of(false, storagevalidation.ValidateStorageClass),
}

func templateOptions(template *core.PodTemplateSpec) corevalidation.PodValidationOptions {
	return podutil.GetValidationOptionsFromPodTemplate(template, nil)
}

// Validator knows Kubernetes' kinds and those of custom resources.
type Validator struct {
	resources *resources
	pods      security.Evaluator
	made      []runtime.Object // by the operator, of the stream that is looked at
}

// NewValidator makes a validator; CustomResourceDefinitions are read from a folder, if one is named.
func NewValidator(folder string) (*Validator, error) {
	pods, err := security.NewEvaluator(security.DefaultChecks(), nil)
	if err != nil {
		return nil, err
	}
	resources, err := newResources(folder)
	return &Validator{resources: resources, pods: pods}, err
}

// Faults of the objects of a YAML stream, as `Kind/name: message`.
func (v *Validator) Faults(text []byte, settings Settings) []string {
	v.made = nil
	faults := []string{}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for number := 1; ; number++ {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return faults
		}
		if err == nil {
			document, err = yaml.YAMLToJSONStrict(document)
		}
		if err != nil {
			faults = append(faults, fmt.Sprintf("document %d: is not YAML: %v", number, err))
			continue
		}
		if string(document) != "null" {
			faults = append(faults, v.document(document, settings)...)
		}
	}
}

func (v *Validator) document(document []byte, settings Settings) (faults []string) {
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(document); err != nil {
		return []string{fmt.Sprintf("no object of Kubernetes: %v", err)}
	}
	name := object.GetKind() + "/" + object.GetName()
	defer func() {
		if found := recover(); found != nil {
			faults = append(faults, fmt.Sprintf("%s: panic: %v", name, found))
		}
	}()
	said := []string{}
	switch {
	case slices.Contains(settings.Foreign, object.GetKind()):
	case v.resources.knows(object.GroupVersionKind()):
		said = v.resources.faults(object, settings.Namespace)
		if object.GroupVersionKind().Group == "ray.io" && len(said) == 0 {
			made, refused := ofOperator(object)
			v.made = append(v.made, made...)
			said = refused
			for _, one := range made {
				for _, fault := range v.native(one, settings) {
					said = append(said, fmt.Sprintf("the operator's %T %s: %s", one, title(one), fault))
				}
			}
		}
	default:
		decoded, err := decode(document)
		if strict, ok := runtime.AsStrictDecodingError(err); ok {
			for _, one := range strict.Errors() {
				said = append(said, one.Error())
			}
		} else if err != nil {
			return []string{fmt.Sprintf("%s: %v", name, err)}
		}
		said = append(said, v.native(decoded, settings)...)
		if held, ok := decoded.(*corev1.ConfigMap); ok {
			said = append(said, v.held(held, settings)...)
		}
	}
	for _, one := range said {
		faults = append(faults, fmt.Sprintf("%s: %s", name, one))
	}
	return faults
}

// decode strictly, with the API server's defaults.
func decode(document []byte) (runtime.Object, error) {
	scheme := legacyscheme.Scheme
	strict := serializer.NewSerializerWithOptions(
		serializer.DefaultMetaFactory, scheme, scheme, serializer.SerializerOptions{Strict: true})
	object, _, err := strict.Decode(document, nil, nil)
	return object, err
}

// native validates an object of Kubernetes' own kinds.
func (v *Validator) native(object runtime.Object, settings Settings) (faults []string) {
	found, _, err := legacyscheme.Scheme.ObjectKinds(object)
	if err != nil {
		return []string{err.Error()}
	}
	rule, known := kinds[found[0].GroupKind()]
	if !known {
		return []string{fmt.Sprintf("%s is no kind that is known here", found[0])}
	}
	meta := object.(metav1.Object)
	if rule.namespaced && meta.GetNamespace() == "" {
		meta.SetNamespace(settings.Namespace)
	}
	if meta.GetName() == "" && meta.GetGenerateName() != "" {
		meta.SetName(meta.GetGenerateName() + "abcde")
	}
	legacyscheme.Scheme.Default(object)
	internal, err := legacyscheme.Scheme.ConvertToVersion(object, runtime.InternalGroupVersioner)
	if err != nil {
		return []string{err.Error()}
	}
	for _, fault := range rule.validate(internal) {
		faults = append(faults, fault.Error())
	}
	if pod := podOf(object); pod != nil && settings.PodSecurity != "" {
		level := securityapi.LevelVersion{
			Level: securityapi.Level(settings.PodSecurity), Version: securityapi.LatestVersion()}
		result := security.AggregateCheckResults(v.pods.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec))
		if !result.Allowed {
			faults = append(faults, fmt.Sprintf("Pod Security %s: %s", settings.PodSecurity, result.ForbiddenDetail()))
		}
	}
	return faults
}

// held validates what a ConfigMap holds for a program to create: objects under keys that end with .json.
func (v *Validator) held(held *corev1.ConfigMap, settings Settings) (faults []string) {
	for key, text := range held.Data {
		object := map[string]any{}
		if strings.HasSuffix(key, ".json") && json.Unmarshal([]byte(text), &object) == nil && object["kind"] != nil {
			for _, fault := range v.document([]byte(text), settings) {
				faults = append(faults, key+": "+fault)
			}
		}
	}
	return faults
}

// podOf is the template of the pods that an object makes, or nil.
func podOf(object runtime.Object) *corev1.PodTemplateSpec {
	switch object := object.(type) {
	case *corev1.Pod:
		return &corev1.PodTemplateSpec{ObjectMeta: object.ObjectMeta, Spec: object.Spec}
	case *appsv1.DaemonSet:
		return &object.Spec.Template
	case *appsv1.Deployment:
		return &object.Spec.Template
	case *appsv1.StatefulSet:
		return &object.Spec.Template
	case *batchv1.CronJob:
		return &object.Spec.JobTemplate.Spec.Template
	case *batchv1.Job:
		return &object.Spec.Template
	}
	return nil
}

func title(object runtime.Object) string {
	return object.(metav1.Object).GetName()
}

// Made is what the operator would make of the stream that was looked at last, as YAML.
func (v *Validator) Made() (string, error) {
	var text strings.Builder
	for _, object := range v.made {
		kinds, _, err := legacyscheme.Scheme.ObjectKinds(object)
		if err != nil {
			return "", err
		}
		object.GetObjectKind().SetGroupVersionKind(kinds[0])
		one, err := yaml.Marshal(object)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&text, "---\n%s", one)
	}
	return text.String(), nil
}
