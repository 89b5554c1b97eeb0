#!/usr/bin/env bash
# github.com/oapi-codegen/oapi-codegen/v2 v2.8.2: inline members of oneOf are named by their position.
#
# Expected: adding an alternative to a oneOf or anyOf of an OpenAPI document, which is compatible for clients,
# adds a type and methods to the generated Go client; the others keep their names.
# Observed: an inline member is named by its index (Answer0, AsAnswer0). A member that is added in front of
# others renames these: code that used AsAnswer0 compiles as before and decodes another alternative. Members
# that are references ($ref) are named by what they refer to.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n' > go.mod
go get -tool github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 > get.log 2>&1 || { cat get.log; exit 1; }
document() {
  cat <<YAML
openapi: 3.0.3
info: {title: finding, version: "1"}
paths: {}
components:
  schemas:
    Answer:
      oneOf:
$1
    Third: {type: object, properties: {third: {type: string}}}
YAML
}
member() { echo "      - {type: object, required: [$1], properties: {$1: {type: string}}}"; }
reference='      - {$ref: "#/components/schemas/Third"}'
document "$(member first; echo "$reference")" > before.yaml
document "$(member added; member first; echo "$reference")" > after.yaml
for name in before after; do
  go tool oapi-codegen -generate types,skip-prune -package a $name.yaml > $name.go.txt
  echo "$name:"
  sed -n 's/^type \(Answer[0-9]\) struct.*/\1/p' $name.go.txt | while read -r type; do
    field=$(sed -n "/^type $type struct/,/^}/s/.*json:\"\([a-z]*\)\".*/\1/p" $name.go.txt)
    echo "  $type has the field $field"
  done
  sed -n 's/^func (t Answer) \(As[A-Za-z0-9]*\)().*/  method \1/p' $name.go.txt
done > output
cat output
diff - output <<'OUT'
before:
  Answer0 has the field first
  method AsAnswer0
  method AsThird
after:
  Answer0 has the field added
  Answer1 has the field first
  method AsAnswer0
  method AsAnswer1
  method AsThird
OUT
echo 'as described'
