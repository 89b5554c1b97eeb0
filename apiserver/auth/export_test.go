package auth

import "net/http"

// Begin gives tests a session without a login.
func Begin(s *Sessions, w http.ResponseWriter, user User) error { return s.begin(w, user) }

// Decode reads a session's cookie.
func Decode(s *Sessions, text string) (User, error) { return s.decode(text) }

// Seal makes a session's cookie of any content.
func Seal(k *Keys, content string) string { return k.seal(sessionCookie, []byte(content)) }

// LocalPath is what login returns to.
func LocalPath(path string) (string, error) { return localPath(path) }
