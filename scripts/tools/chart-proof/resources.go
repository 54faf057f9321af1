package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/install"
	extensionsvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	schemavalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

var definition = schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}

// resource is a version of a custom resource.
type resource struct {
	namespaced bool
	structural *structural.Structural
	schema     schemavalidation.SchemaValidator
	rules      *cel.Validator
}

// resources knows custom resources by their definitions, and definitions.
type resources struct {
	decoder runtime.Decoder
	files   map[schema.GroupVersionKind]*apiextensions.CustomResourceDefinition
	made    map[schema.GroupVersionKind]*resource
	looked  map[[sha256.Size]byte][]string // faults of definitions by their texts: they take a second each
}

func newResources(folder string) (*resources, error) {
	scheme := runtime.NewScheme()
	install.Install(scheme)
	found := &resources{
		decoder: serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDecoder(),
		files:   map[schema.GroupVersionKind]*apiextensions.CustomResourceDefinition{},
		made:    map[schema.GroupVersionKind]*resource{},
		looked:  map[[sha256.Size]byte][]string{},
	}
	paths, _ := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if folder != "" && len(paths) == 0 {
		return nil, fmt.Errorf("no definitions in %s", folder)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		object, err := runtime.Decode(found.decoder, text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		crd, ok := object.(*apiextensions.CustomResourceDefinition)
		if !ok {
			return nil, fmt.Errorf("%s: not a definition", path)
		}
		for _, version := range crd.Spec.Versions {
			kind := schema.GroupVersionKind{Group: crd.Spec.Group, Version: version.Name, Kind: crd.Spec.Names.Kind}
			found.files[kind] = crd
		}
	}
	return found, nil
}

func (r *resources) knows(kind schema.GroupVersionKind) bool {
	return kind == definition || r.files[kind] != nil
}

// of makes the validators of a kind when it is first met: they take a second each.
func (r *resources) of(kind schema.GroupVersionKind) (*resource, error) {
	if made := r.made[kind]; made != nil {
		return made, nil
	}
	crd := r.files[kind]
	properties, err := schemaOf(crd, kind.Version)
	if err != nil {
		return nil, err
	}
	shape, err := structural.NewStructural(properties)
	if err != nil {
		return nil, err
	}
	validator, _, err := schemavalidation.NewSchemaValidator(properties)
	if err != nil {
		return nil, err
	}
	r.made[kind] = &resource{
		namespaced: crd.Spec.Scope == apiextensions.NamespaceScoped,
		structural: shape,
		schema:     validator,
		rules:      cel.NewValidator(shape, true, celconfig.PerCallLimit),
	}
	return r.made[kind], nil
}

func schemaOf(
	crd *apiextensions.CustomResourceDefinition, version string,
) (*apiextensions.JSONSchemaProps, error) {
	found, err := apiextensions.GetSchemaForVersion(crd, version)
	if err != nil {
		return nil, err
	}
	return found.OpenAPIV3Schema, nil
}

// faults of a custom resource or of a definition, as the API server finds them.
func (r *resources) faults(object *unstructured.Unstructured, namespace string) (faults []string) {
	kind := object.GroupVersionKind()
	if kind == definition {
		return r.faultsOfDefinition(object)
	}
	resource, err := r.of(kind)
	if err != nil {
		return []string{err.Error()}
	}
	if resource.namespaced && object.GetNamespace() == "" {
		object.SetNamespace(namespace)
	}
	content := object.UnstructuredContent()
	for _, path := range pruning.PruneWithOptions(
		content, resource.structural, true, structural.UnknownFieldPathOptions{TrackUnknownFieldPaths: true},
	) {
		faults = append(faults, fmt.Sprintf("unknown field %q", path))
	}
	defaulting.PruneNonNullableNullsWithoutDefaults(content, resource.structural)
	defaulting.Default(content, resource.structural)
	found := validation.ValidateObjectMetaAccessor(
		object, resource.namespaced, validation.NameIsDNSSubdomain, field.NewPath("metadata"))
	found = append(found, schemavalidation.ValidateCustomResource(nil, content, resource.schema)...)
	found = append(found, objectmeta.Validate(nil, content, resource.structural, false)...)
	found = append(found, listtype.ValidateListSetsAndMaps(nil, resource.structural, content)...)
	if resource.rules != nil && len(found) == 0 {
		broken, _ := resource.rules.Validate(
			context.Background(), nil, resource.structural, content, nil, celconfig.RuntimeCELCostBudget)
		found = append(found, broken...)
	}
	for _, fault := range found {
		faults = append(faults, fault.Error())
	}
	return faults
}

func (r *resources) faultsOfDefinition(object *unstructured.Unstructured) (faults []string) {
	text, err := object.MarshalJSON()
	if err != nil {
		return []string{err.Error()}
	}
	digest := sha256.Sum256(text)
	if known, found := r.looked[digest]; found {
		return known
	}
	defer func() { r.looked[digest] = faults }()
	decoded, err := runtime.Decode(r.decoder, text)
	if err != nil {
		return []string{err.Error()}
	}
	crd := decoded.(*apiextensions.CustomResourceDefinition)
	// As the API server does before it looks.
	crd.Status.StoredVersions = []string{}
	for _, version := range crd.Spec.Versions {
		if version.Storage {
			crd.Status.StoredVersions = append(crd.Status.StoredVersions, version.Name)
		}
	}
	for _, fault := range extensionsvalidation.ValidateCustomResourceDefinition(context.Background(), crd) {
		faults = append(faults, fault.Error())
	}
	return faults
}
