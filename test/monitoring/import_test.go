package monitoring

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dashboard is the part of Grafana's model that an import depends on.
type dashboard struct {
	ID            *int   `json:"id"`
	UID           string `json:"uid"`
	Title         string `json:"title"`
	SchemaVersion int    `json:"schemaVersion"`
	Refresh       string `json:"refresh"`
	Templating    struct {
		List []variable `json:"list"`
	} `json:"templating"`
	Panels []panel `json:"panels"`
}

type variable struct {
	Name       string     `json:"name"`
	Type       string     `json:"type"`
	Query      string     `json:"query"`
	Datasource datasource `json:"datasource"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type panel struct {
	ID         int        `json:"id"`
	Type       string     `json:"type"`
	Title      string     `json:"title"`
	Datasource datasource `json:"datasource"`
	GridPos    struct {
		H, W, X, Y int
	} `json:"gridPos"`
	Targets []struct {
		RefID        string     `json:"refId"`
		Datasource   datasource `json:"datasource"`
		Expr         string     `json:"expr"`
		LegendFormat string     `json:"legendFormat"`
		Instant      bool       `json:"instant"`
		Range        bool       `json:"range"`
	} `json:"targets"`
}

// Grafana 10.0 has schema 38. It migrates older ones, and shows newer ones wrongly. The
// data source as an object came with 33, its own variable syntax with 36.
const oldestSchema, newestSchema = 36, 38

var (
	uid      = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,40}$`)
	interval = regexp.MustCompile(`^[0-9]+[smh]$`)
	mention  = regexp.MustCompile(`\$\{?([a-zA-Z_]\w*)|\[\[(\w+)`)
)

// What Grafana 10 and later refuse, or show wrongly, without a word.
func TestDashboardsAreImportable(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(bundle, "dashboards/*.json"))
	uids := map[string]string{}
	for _, file := range files {
		board := readDashboard(t, file)
		for _, fault := range faults(&board) {
			t.Errorf("%s: %s", filepath.Base(file), fault)
		}
		if other := uids[board.UID]; other != "" {
			t.Errorf("%s overwrites %s: both have uid %q", file, other, board.UID)
		}
		uids[board.UID] = file
	}
	if len(uids) < 3 {
		t.Errorf("%d dashboards", len(uids))
	}
}

func faults(board *dashboard) []string {
	return slices.Concat(headFaults(board), variableFaults(board), panelFaults(board.Panels), layoutFaults(board.Panels))
}

func headFaults(board *dashboard) (found []string) {
	if board.ID != nil {
		found = append(found, "an id belongs to one Grafana")
	}
	if !uid.MatchString(board.UID) {
		found = append(found, fmt.Sprintf("uid %q", board.UID))
	}
	if board.Title == "" {
		found = append(found, "no title")
	}
	if board.SchemaVersion < oldestSchema || board.SchemaVersion > newestSchema {
		found = append(found, fmt.Sprintf("schema %d", board.SchemaVersion))
	}
	if !interval.MatchString(board.Refresh) {
		found = append(found, fmt.Sprintf("refresh %q", board.Refresh))
	}
	return found
}

// variableFaults also finds variables that nothing mentions, and ones that mention later
// ones.
func variableFaults(board *dashboard) (found []string) {
	defined, used := map[string]bool{}, map[string]bool{}
	look := func(where, text string) {
		for _, match := range mention.FindAllStringSubmatch(text, -1) {
			name := match[1] + match[2]
			used[name] = true
			if !defined[name] && !strings.HasPrefix(name, "__") {
				found = append(found, fmt.Sprintf("%s mentions $%s, which is not defined", where, name))
			}
		}
	}
	for _, v := range board.Templating.List {
		if defined[v.Name] || v.Name == "" {
			found = append(found, fmt.Sprintf("variable %q twice, or without a name", v.Name))
		}
		if v.Type == "query" {
			look("variable "+v.Name, v.Query+" "+v.Datasource.UID)
			found = append(found, sourceFaults("variable "+v.Name, v.Datasource)...)
		}
		if v.Name == "datasource" && (v.Type != "datasource" || v.Query != "prometheus") {
			found = append(found, "variable datasource does not choose a Prometheus")
		}
		defined[v.Name] = true
	}
	for _, p := range board.Panels {
		look("panel "+p.Title, p.Title+" "+p.Datasource.UID)
		for _, target := range p.Targets {
			look("panel "+p.Title, target.Expr+" "+target.LegendFormat+" "+target.Datasource.UID)
		}
	}
	for name := range defined {
		if !used[name] {
			found = append(found, fmt.Sprintf("nothing mentions $%s", name))
		}
	}
	return found
}

func sourceFaults(where string, source datasource) []string {
	if source.Type != "prometheus" || source.UID != "${datasource}" {
		return []string{fmt.Sprintf("%s has data source %+v", where, source)}
	}
	return nil
}

func panelFaults(panels []panel) (found []string) {
	ids := map[int]bool{}
	for _, p := range panels {
		if p.ID <= 0 || ids[p.ID] {
			found = append(found, fmt.Sprintf("panel %q has id %d", p.Title, p.ID))
		}
		ids[p.ID] = true
		if !slices.Contains([]string{"timeseries", "stat", "status-history"}, p.Type) || p.Title == "" {
			found = append(found, fmt.Sprintf("panel %q is a %q", p.Title, p.Type))
		}
		found = append(found, sourceFaults("panel "+p.Title, p.Datasource)...)
		found = append(found, targetFaults(&p)...)
	}
	return found
}

func targetFaults(p *panel) (found []string) {
	if len(p.Targets) == 0 {
		found = append(found, fmt.Sprintf("panel %q asks nothing", p.Title))
	}
	refs := map[string]bool{}
	for _, target := range p.Targets {
		if target.RefID == "" || refs[target.RefID] {
			found = append(found, fmt.Sprintf("panel %q has refId %q twice, or none", p.Title, target.RefID))
		}
		refs[target.RefID] = true
		if target.Expr == "" || target.Instant == target.Range {
			found = append(found, fmt.Sprintf("panel %q: query %s is empty, or not one of instant and range", p.Title, target.RefID))
		}
		found = append(found, sourceFaults("panel "+p.Title+", query "+target.RefID, target.Datasource)...)
	}
	return found
}

func layoutFaults(panels []panel) (found []string) {
	cells := map[[2]int]string{}
	for _, p := range panels {
		at := p.GridPos
		if at.W <= 0 || at.H <= 0 || at.X < 0 || at.Y < 0 || at.X+at.W > 24 {
			found = append(found, fmt.Sprintf("panel %q leaves the page: %+v", p.Title, at))
			continue
		}
		covered := map[string]bool{}
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other, taken := cells[[2]int{x, y}]; taken && !covered[other] {
					covered[other] = true
					found = append(found, fmt.Sprintf("panel %q covers %q", p.Title, other))
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
	}
	return found
}

// Each rule finds the one thing that is wrong with a dashboard.
func TestImportCheckRejectsInvalidDashboards(t *testing.T) {
	const good = `{"uid":"u","title":"T","schemaVersion":38,"refresh":"30s",
		"templating":{"list":[{"name":"datasource","type":"datasource","query":"prometheus"},
			{"name":"node","type":"query","query":"label_values(up, node)","datasource":{"type":"prometheus","uid":"${datasource}"}}]},
		"panels":[
			{"id":1,"type":"stat","title":"A","datasource":{"type":"prometheus","uid":"${datasource}"},"gridPos":{"h":4,"w":12,"x":0,"y":0},
			 "targets":[{"refId":"A","datasource":{"type":"prometheus","uid":"${datasource}"},"expr":"up{node=~\"$node\"}","instant":true}]},
			{"id":2,"type":"stat","title":"B","datasource":{"type":"prometheus","uid":"${datasource}"},"gridPos":{"h":4,"w":12,"x":12,"y":0},
			 "targets":[{"refId":"A","datasource":{"type":"prometheus","uid":"${datasource}"},"expr":"rate(x[$__rate_interval])","range":true}]}]}`
	for name, change := range map[string][2]string{
		"an id":                         {`{"uid":"u"`, `{"id":7,"uid":"u"`},
		"no uid":                        {`"uid":"u"`, `"uid":""`},
		"a uid with a slash":            {`"uid":"u"`, `"uid":"a/b"`},
		"no title":                      {`"title":"T"`, `"title":""`},
		"a schema after Grafana 10":     {`:38`, `:39`},
		"a schema before":               {`:38`, `:30`},
		"a refresh of no unit":          {`30s`, `30`},
		"a variable that is not there":  {`$node`, `$knot`},
		"a variable in braces":          {`$node`, `$node${rack:regex}`},
		"a variable that nobody uses":   {`$node`, `x`},
		"two variables of a name":       {`"name":"node"`, `"name":"datasource"`},
		"a variable of a fixed source":  {`label_values(up, node)","datasource":{"type":"prometheus","uid":"${datasource}"`, `x","datasource":{"type":"prometheus","uid":"P1"`},
		"a source that is no choice":    {`"type":"datasource"`, `"type":"constant"`},
		"a panel id twice":              {`"id":2`, `"id":1`},
		"a panel without an id":         {`"id":2`, `"id":0`},
		"a panel type of the past":      {`"type":"stat"`, `"type":"graph"`},
		"a panel of a fixed source":     {`"title":"A","datasource":{"type":"prometheus","uid":"${datasource}"`, `"title":"A","datasource":{"type":"prometheus","uid":"P1"`},
		"a query of another kind":       {`"refId":"A","datasource":{"type":"prometheus"`, `"refId":"A","datasource":{"type":"loki"`},
		"a query without a refId":       {`"refId":"A"`, `"refId":""`},
		"a refId twice":                 {`"targets":[`, `"targets":[{"refId":"A","datasource":{"type":"prometheus","uid":"${datasource}"},"expr":"up","range":true},`},
		"a query that is neither":       {`"instant":true`, `"instant":false`},
		"no query":                      {`"expr":"rate(x[$__rate_interval])"`, `"expr":""`},
		"panels over each other":        {`"x":12`, `"x":11`},
		"a panel that leaves the page":  {`"x":12`, `"x":13`},
		"a panel of no height":          {`"h":4`, `"h":0`},
		"nothing wrong (the good case)": {`"x":12`, `"x":12`},
	} {
		t.Run(name, func(t *testing.T) {
			var board dashboard
			if err := json.Unmarshal([]byte(strings.Replace(good, change[0], change[1], 1)), &board); err != nil {
				t.Fatal(err)
			}
			want := change[0] != change[1]
			if found := faults(&board); (len(found) > 0) != want {
				t.Errorf("found %q", found)
			}
		})
	}
}
