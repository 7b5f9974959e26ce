package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"fsm/build/images/oci"
)

// document is a list of packages as SPDX 2.3 has it.
type document struct {
	Version       string         `json:"spdxVersion"`
	License       string         `json:"dataLicense"`
	ID            string         `json:"SPDXID"`
	Name          string         `json:"name"`
	Namespace     string         `json:"documentNamespace"`
	Creation      creation       `json:"creationInfo"`
	Packages      []bomPackage   `json:"packages"`
	Relationships []relationship `json:"relationships"`
}

type creation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type bomPackage struct {
	ID        string        `json:"SPDXID"`
	Name      string        `json:"name"`
	Version   string        `json:"versionInfo"`
	Download  string        `json:"downloadLocation"`
	Analyzed  bool          `json:"filesAnalyzed"`
	Checksums []checksum    `json:"checksums,omitempty"`
	External  []externalRef `json:"externalRefs,omitempty"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type externalRef struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	Element string `json:"spdxElementId"`
	Type    string `json:"relationshipType"`
	Related string `json:"relatedSpdxElement"`
}

// writeBOM lists the modules that a program was made of, as the program itself
// says.
func writeBOM(path, program, version, binary string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	digest := hex.EncodeToString(sum[:])
	const root, document1 = "SPDXRef-program", "SPDXRef-DOCUMENT"
	d := document{
		Version: "SPDX-2.3", License: "CC0-1.0", ID: document1, Name: program + " " + version,
		Namespace: "https://flomesh.io/spdx/" + program + "/" + digest,
		Creation:  creation{Created: oci.Epoch.Format(time.RFC3339), Creators: []string{"Tool: fsm-images"}},
		Packages: []bomPackage{{
			ID: root, Name: program, Version: version, Download: "NOASSERTION",
			Checksums: []checksum{{"SHA256", digest}},
		}},
		Relationships: []relationship{{document1, "DESCRIBES", root}},
	}
	modules := []*debug.Module{{Path: "stdlib", Version: info.GoVersion}}
	for i, m := range append(modules, info.Deps...) {
		if m.Replace != nil {
			m = m.Replace
		}
		id := "SPDXRef-module-" + strconv.Itoa(i)
		d.Packages = append(d.Packages, bomPackage{
			ID: id, Name: m.Path, Version: m.Version, Download: "NOASSERTION",
			External: []externalRef{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + m.Path + "@" + m.Version}},
		})
		d.Relationships = append(d.Relationships, relationship{root, "CONTAINS", id})
	}
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
