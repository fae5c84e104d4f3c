// Package document writes what was measured: a document in Markdown, and the
// figures as JSON beside it.
package document

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// extension is that of documents.
const extension = ".md"

// Stem returns the path of a document without its extension, which the names of
// the files beside it begin with.
func Stem(path string) (string, error) {
	stem, found := strings.CutSuffix(path, extension)
	if !found {
		return "", fmt.Errorf("document: %s does not end in %s", path, extension)
	}
	return stem, nil
}

// Write writes the figures as JSON and the text of the document.
func Write(stem string, figures any, text string) error {
	encoded, err := json.MarshalIndent(figures, "", "\t")
	if err != nil {
		return fmt.Errorf("document: %w", err)
	}
	if err := os.WriteFile(stem+".json", append(encoded, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(stem+extension, []byte(text), 0o644)
}

// Name is what the document and the files beside it call themselves.
func Name(stem string) string { return filepath.Base(stem) }
