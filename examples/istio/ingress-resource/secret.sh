#!/bin/sh
# Prints the Secret that "kubectl create -n istio-system secret tls
# istio-ingress-certs" would make: secret.sh CERTIFICATE KEY
cat <<EOF
apiVersion: v1
kind: Secret
metadata:
  name: istio-ingress-certs
  namespace: istio-system
type: kubernetes.io/tls
data:
  tls.crt: $(base64 -w0 "$1")
  tls.key: $(base64 -w0 "$2")
EOF
