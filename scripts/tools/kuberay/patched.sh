#!/bin/sh
# Writes FOLDER/go.mod and go.sum for `go install -modfile`: those beside this file, with KubeRay's module replaced by
# a copy that has the patch beside this file.
#
# raycronjob.patch: two runs of a RayCronJob for one minute get one name, so that the second is refused. Without it a
# reconciliation whose cache is behind starts a run twice (ray-project/kuberay#4849). KubeRay has mended it since:
# this script and the patch go with the version that has it (1.7).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$1
module=github.com/ray-project/kuberay/ray-operator

cd "$here"
said=$(go mod download -json "$module")
source=$(printf '%s' "$said" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
mkdir -p "$folder"
cp -R "$source" "$folder/module"
chmod -R u+w "$folder/module" # Go's copy is read-only
# A folder inside some repository must not be taken for a part of it.
(cd "$folder/module" && GIT_CEILING_DIRECTORIES=$folder git apply "$here/raycronjob.patch")
cp go.mod go.sum "$folder"
go mod edit -replace "$module=$folder/module" "$folder/go.mod"
