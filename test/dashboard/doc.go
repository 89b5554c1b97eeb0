// Package dashboard tests the dashboard in Chromium, against a real control plane, the
// controller and the API server. Each page is visited in both languages and both color
// schemes, and examined by axe-core.
//
// It is a module of its own, for chromedp. `npm ci` installs axe-core; the browser is
// `chromium` of the PATH.
package dashboard
