package main

import (
	"context"
	"fmt"
	"maps"

	rayv1 "github.com/ray-project/kuberay/ray-operator/apis/ray/v1"
	"github.com/ray-project/kuberay/ray-operator/controllers/ray/common"
	"github.com/ray-project/kuberay/ray-operator/controllers/ray/utils"
	"github.com/ray-project/kuberay/ray-operator/pkg/features"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
)

// gates are those of the operator, with its defaults.
var gates = map[string]bool{}

func init() {
	for name := range utilfeature.DefaultMutableFeatureGate.GetAll() {
		gates[string(name)] = utilfeature.DefaultFeatureGate.Enabled(name)
	}
}

// setGates as the operator's flag --feature-gates does, over its defaults.
func setGates(given string) error {
	if err := utilfeature.DefaultMutableFeatureGate.SetFromMap(gates); err != nil {
		return err
	}
	return utilfeature.DefaultMutableFeatureGate.Set(given)
}

// ofOperator is what the operator makes of one of its custom resources: the objects that it would create, or why it
// refuses to.
func ofOperator(object *unstructured.Unstructured) (made []runtime.Object, refused []string) {
	switch object.GetKind() {
	case "RayCluster":
		cluster := &rayv1.RayCluster{}
		if err := convert(object, cluster); err != nil {
			return nil, []string{err.Error()}
		}
		return ofCluster(cluster)
	case "RayJob":
		job := &rayv1.RayJob{}
		if err := convert(object, job); err != nil {
			return nil, []string{err.Error()}
		}
		return ofJob(job)
	case "RayCronJob":
		job := &rayv1.RayCronJob{}
		if err := convert(object, job); err != nil {
			return nil, []string{err.Error()}
		}
		if !features.Enabled(features.RayCronJob) {
			return nil, []string{"the operator does not look at it: its feature gate RayCronJob is off"}
		}
		if err := utils.ValidateRayCronJobSpec(job); err != nil {
			return nil, []string{err.Error()}
		}
		meta := metav1.ObjectMeta{
			Name:      job.Name + "-abcde",
			Namespace: job.Namespace,
			Labels:    map[string]string{utils.RayCronJobNameLabelKey: job.Name},
		}
		return ofJob(&rayv1.RayJob{ObjectMeta: meta, Spec: job.Spec.JobTemplate})
	case "RayService":
		service := &rayv1.RayService{}
		if err := convert(object, service); err != nil {
			return nil, []string{err.Error()}
		}
		return ofService(service)
	}
	return nil, []string{"the operator knows no " + object.GetKind()}
}

func convert(object *unstructured.Unstructured, to any) error {
	return runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, to, true)
}

// errorsOf are the messages of the checks that failed.
func errorsOf(checks ...error) (said []string) {
	for _, err := range checks {
		if err != nil {
			said = append(said, err.Error())
		}
	}
	return said
}

func ofCluster(cluster *rayv1.RayCluster) ([]runtime.Object, []string) {
	if refused := errorsOf(
		utils.ValidateRayClusterMetadata(cluster.ObjectMeta),
		utils.ValidateRayClusterSpec(&cluster.Spec, cluster.Annotations),
		utils.ValidateRayClusterUpgradeOptions(cluster),
	); refused != nil {
		return nil, refused
	}
	ctx := context.Background()
	service, err := common.BuildServiceForHeadPod(ctx, *cluster.DeepCopy(), nil, nil)
	if err != nil {
		return nil, errorsOf(err)
	}
	made := []runtime.Object{service, pod(ctx, cluster.DeepCopy(), nil)}
	for index := range cluster.Spec.WorkerGroupSpecs {
		copied := cluster.DeepCopy()
		made = append(made, pod(ctx, copied, &copied.Spec.WorkerGroupSpecs[index]))
	}
	return made, nil
}

// pod of the head, or of a group of workers, as the operator builds it; it writes into the cluster meanwhile.
func pod(ctx context.Context, cluster *rayv1.RayCluster, group *rayv1.WorkerGroupSpec) *corev1.Pod {
	head := cluster.Spec.HeadGroupSpec
	port := common.GetHeadPort(head.RayStartParams)
	address := utils.GenerateFQDNServiceName(ctx, *cluster, cluster.Namespace)
	name, kind, params := utils.PodName(cluster.Name, rayv1.HeadNode, true), rayv1.HeadNode, head.RayStartParams
	var template corev1.PodTemplateSpec
	if group == nil {
		template = common.DefaultHeadPodTemplate(ctx, *cluster, head, name, port)
	} else {
		kind, params = rayv1.WorkerNode, group.RayStartParams
		name = utils.PodName(cluster.Name+"-"+group.GroupName, kind, true)
		template = common.DefaultWorkerPodTemplate(
			ctx, *cluster, *group, name, address, port, group.GroupName+"-abcde", 0, 0)
	}
	creator := utils.GetCRDType(cluster.Labels[utils.RayOriginatedFromCRDLabelKey])
	built := common.BuildPod(ctx, template, kind, params, port, utils.IsAutoscalingEnabled(&cluster.Spec), creator,
		address, nil, cluster.Spec.RayVersion)
	return &built
}

// clusterOf is the cluster that the operator makes for a job or a service. Its name, as others here, ends in what the
// operator draws; drawn here it would be another one each time.
func clusterOf(owner metav1.ObjectMeta, kind utils.CRDType, spec *rayv1.RayClusterSpec) *rayv1.RayCluster {
	labels := maps.Clone(owner.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[utils.RayOriginatedFromCRNameLabelKey] = owner.Name
	labels[utils.RayOriginatedFromCRDLabelKey] = utils.RayOriginatedFromCRDLabelValue(kind)
	meta := metav1.ObjectMeta{
		Name:        owner.Name + "-abcde",
		Namespace:   owner.Namespace,
		Labels:      labels,
		Annotations: owner.Annotations,
	}
	return &rayv1.RayCluster{ObjectMeta: meta, Spec: *spec.DeepCopy()}
}

func ofJob(job *rayv1.RayJob) (made []runtime.Object, refused []string) {
	if refused := errorsOf(
		utils.ValidateRayJobMetadata(job.ObjectMeta), utils.ValidateRayJobSpec(job),
	); refused != nil {
		return nil, refused
	}
	if job.Spec.RayClusterSpec != nil {
		if made, refused = ofCluster(clusterOf(job.ObjectMeta, utils.RayJobCRD, job.Spec.RayClusterSpec)); refused != nil {
			return nil, refused
		}
	}
	if job.Spec.SubmissionMode == rayv1.K8sJobMode && (job.Spec.SubmitterPodTemplate != nil || job.Spec.RayClusterSpec != nil) {
		made = append(made, &batchv1.Job{
			ObjectMeta: metav1.ObjectMeta{Name: job.Name, Namespace: job.Namespace},
			Spec:       batchv1.JobSpec{Template: common.GetSubmitterTemplate(&job.Spec, job.Spec.RayClusterSpec)},
		})
	}
	return made, nil
}

func ofService(service *rayv1.RayService) ([]runtime.Object, []string) {
	if refused := errorsOf(
		utils.ValidateRayServiceMetadata(service.ObjectMeta), utils.ValidateRayServiceSpec(service),
	); refused != nil {
		return nil, refused
	}
	if strategy := service.Spec.UpgradeStrategy; strategy != nil && strategy.Type != nil &&
		*strategy.Type == rayv1.RayServiceNewClusterWithIncrementalUpgrade &&
		!features.Enabled(features.RayServiceIncrementalUpgrade) {
		return nil, []string{fmt.Sprintf(
			"the operator takes %s for NewCluster: its feature gate RayServiceIncrementalUpgrade is off", *strategy.Type)}
	}
	cluster := clusterOf(service.ObjectMeta, utils.RayServiceCRD, &service.Spec.RayClusterSpec)
	made, refused := ofCluster(cluster)
	if refused != nil {
		return nil, refused
	}
	ctx := context.Background()
	head, err := common.BuildHeadServiceForRayService(ctx, *service.DeepCopy(), *cluster.DeepCopy())
	if err != nil {
		return nil, errorsOf(err)
	}
	serve, err := common.BuildServeServiceForRayService(ctx, *service.DeepCopy(), *cluster.DeepCopy())
	if err != nil {
		return nil, errorsOf(err)
	}
	return append(made, head, serve), nil
}
