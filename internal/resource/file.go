package resource

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	istiov1 "fsm/api/istio/v1"
)

// File is a file of this machine that an object names, with what is in it. It is no
// kind of Kubernetes: only a source that reads files makes one, named by its path.
type File struct {
	metav1.TypeMeta
	metav1.ObjectMeta

	Content []byte
	// Problem says why the file could not be read.
	Problem string
}

// NewFile is a file with its content, or with the problem in its place.
func NewFile(path string, content []byte, problem string) *File {
	return &File{ObjectMeta: metav1.ObjectMeta{Name: path, Generation: 1}, Content: content, Problem: problem}
}

// DeepCopyObject implements runtime.Object.
func (f *File) DeepCopyObject() runtime.Object {
	return &File{TypeMeta: f.TypeMeta, ObjectMeta: *f.ObjectMeta.DeepCopy(), Content: slices.Clone(f.Content), Problem: f.Problem}
}

// FilesOf are the paths of the files that an object names.
func FilesOf(o Object) []string {
	gateway, ok := o.(*istiov1.Gateway)
	if !ok {
		return nil
	}
	var paths []string
	for _, s := range gateway.Spec.Servers {
		if s.TLS == nil {
			continue
		}
		for _, path := range []string{s.TLS.ServerCertificate, s.TLS.PrivateKey, s.TLS.CACertificates} {
			if path != "" {
				paths = append(paths, path)
			}
		}
	}
	return paths
}
