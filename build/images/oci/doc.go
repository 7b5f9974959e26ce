// Package oci writes container images as archives without a container engine.
//
// An archive is an OCI image layout in a tar file, as containerd, podman, skopeo
// and crane read it. Every entry of its index.json carries a whole name of the
// image, registry included, in the annotation org.opencontainers.image.ref.name;
// an image with several names has several entries. What they point to is an index
// with one image for each architecture. The same input makes the same bytes.
//
// Images have one layer, and nothing below it. The package reads no Dockerfile,
// knows no base images, and neither pushes nor pulls.
package oci
