#!/bin/sh
# Prints the Secret that "kubectl create secret generic NAME -n httpbin --from-file=KEY=FILE..."
# would make: secret.sh NAME KEY=FILE...
cat <<EOF
apiVersion: v1
kind: Secret
metadata:
  name: $1
  namespace: httpbin
data:
EOF
shift
for file; do
	echo "  ${file%%=*}: $(base64 -w0 "${file#*=}")"
done
