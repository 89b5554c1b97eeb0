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

// Grafana 10.0 has schema 38. It migrates older schemas and displays newer ones incorrectly. A data
// source is an object since schema 33, and its variables have their syntax since 36.
const oldestSchema, newestSchema = 36, 38

var (
	uid      = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,40}$`)
	interval = regexp.MustCompile(`^[0-9]+[smh]$`)
	mention  = regexp.MustCompile(`\$\{?([a-zA-Z_]\w*)|\[\[(\w+)`)
)

// Grafana 10 and later reject such dashboards, or display them incorrectly, without an error.
func TestDashboardsAreImportable(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(bundle, "dashboards/*.json"))
	uids := map[string]string{}
	for _, file := range files {
		board := readDashboard(t, file)
		for _, problem := range problems(&board) {
			t.Errorf("%s: %s", filepath.Base(file), problem)
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

func problems(board *dashboard) []string {
	return slices.Concat(headProblems(board), variableProblems(board), panelProblems(board.Panels), layoutProblems(board.Panels))
}

func headProblems(board *dashboard) (problems []string) {
	if board.ID != nil {
		problems = append(problems, "an id belongs to one Grafana")
	}
	if !uid.MatchString(board.UID) {
		problems = append(problems, fmt.Sprintf("uid %q", board.UID))
	}
	if board.Title == "" {
		problems = append(problems, "no title")
	}
	if board.SchemaVersion < oldestSchema || board.SchemaVersion > newestSchema {
		problems = append(problems, fmt.Sprintf("schema %d", board.SchemaVersion))
	}
	if !interval.MatchString(board.Refresh) {
		problems = append(problems, fmt.Sprintf("refresh %q", board.Refresh))
	}
	return problems
}

// variableProblems also reports unused variables, and references to variables defined later.
func variableProblems(board *dashboard) (problems []string) {
	defined, used := map[string]bool{}, map[string]bool{}
	check := func(where, text string) {
		for _, match := range mention.FindAllStringSubmatch(text, -1) {
			name := match[1] + match[2]
			used[name] = true
			if !defined[name] && !strings.HasPrefix(name, "__") {
				problems = append(problems, fmt.Sprintf("%s refers to $%s, which is not defined", where, name))
			}
		}
	}
	for _, v := range board.Templating.List {
		if defined[v.Name] || v.Name == "" {
			problems = append(problems, fmt.Sprintf("variable %q twice, or without a name", v.Name))
		}
		if v.Type == "query" {
			check("variable "+v.Name, v.Query+" "+v.Datasource.UID)
			problems = append(problems, sourceProblems("variable "+v.Name, v.Datasource)...)
		}
		if v.Name == "datasource" && (v.Type != "datasource" || v.Query != "prometheus") {
			problems = append(problems, "variable datasource does not choose a Prometheus")
		}
		defined[v.Name] = true
	}
	for _, p := range board.Panels {
		check("panel "+p.Title, p.Title+" "+p.Datasource.UID)
		for _, target := range p.Targets {
			check("panel "+p.Title, target.Expr+" "+target.LegendFormat+" "+target.Datasource.UID)
		}
	}
	for name := range defined {
		if !used[name] {
			problems = append(problems, fmt.Sprintf("variable $%s is not used", name))
		}
	}
	return problems
}

func sourceProblems(where string, source datasource) []string {
	if source.Type != "prometheus" || source.UID != "${datasource}" {
		return []string{fmt.Sprintf("%s has data source %+v", where, source)}
	}
	return nil
}

func panelProblems(panels []panel) (problems []string) {
	ids := map[int]bool{}
	for _, p := range panels {
		if p.ID <= 0 || ids[p.ID] {
			problems = append(problems, fmt.Sprintf("panel %q has id %d", p.Title, p.ID))
		}
		ids[p.ID] = true
		if !slices.Contains([]string{"timeseries", "stat", "status-history"}, p.Type) || p.Title == "" {
			problems = append(problems, fmt.Sprintf("panel %q is a %q", p.Title, p.Type))
		}
		problems = append(problems, sourceProblems("panel "+p.Title, p.Datasource)...)
		problems = append(problems, targetProblems(&p)...)
	}
	return problems
}

func targetProblems(p *panel) (problems []string) {
	if len(p.Targets) == 0 {
		problems = append(problems, fmt.Sprintf("panel %q has no query", p.Title))
	}
	refs := map[string]bool{}
	for _, target := range p.Targets {
		if target.RefID == "" || refs[target.RefID] {
			problems = append(problems, fmt.Sprintf("panel %q has refId %q twice, or none", p.Title, target.RefID))
		}
		refs[target.RefID] = true
		if target.Expr == "" || target.Instant == target.Range {
			problems = append(problems, fmt.Sprintf("panel %q: query %s is empty, or not one of instant and range", p.Title, target.RefID))
		}
		problems = append(problems, sourceProblems("panel "+p.Title+", query "+target.RefID, target.Datasource)...)
	}
	return problems
}

func layoutProblems(panels []panel) (problems []string) {
	cells := map[[2]int]string{}
	for _, p := range panels {
		at := p.GridPos
		if at.W <= 0 || at.H <= 0 || at.X < 0 || at.Y < 0 || at.X+at.W > 24 {
			problems = append(problems, fmt.Sprintf("panel %q exceeds the grid: %+v", p.Title, at))
			continue
		}
		covered := map[string]bool{}
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other, taken := cells[[2]int{x, y}]; taken && !covered[other] {
					covered[other] = true
					problems = append(problems, fmt.Sprintf("panel %q covers %q", p.Title, other))
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
	}
	return problems
}

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
		"an id":                             {`{"uid":"u"`, `{"id":7,"uid":"u"`},
		"no uid":                            {`"uid":"u"`, `"uid":""`},
		"a uid with a slash":                {`"uid":"u"`, `"uid":"a/b"`},
		"no title":                          {`"title":"T"`, `"title":""`},
		"a schema newer than Grafana 10":    {`:38`, `:39`},
		"a schema too old":                  {`:38`, `:30`},
		"a refresh without a unit":          {`30s`, `30`},
		"an undefined variable":             {`$node`, `$knot`},
		"an undefined variable in braces":   {`$node`, `$node${rack:regex}`},
		"an unused variable":                {`$node`, `x`},
		"two variables of one name":         {`"name":"node"`, `"name":"datasource"`},
		"a variable with a fixed source":    {`label_values(up, node)","datasource":{"type":"prometheus","uid":"${datasource}"`, `x","datasource":{"type":"prometheus","uid":"P1"`},
		"a source that is not selectable":   {`"type":"datasource"`, `"type":"constant"`},
		"a panel id twice":                  {`"id":2`, `"id":1`},
		"a panel without an id":             {`"id":2`, `"id":0`},
		"a removed panel type":              {`"type":"stat"`, `"type":"graph"`},
		"a panel with a fixed source":       {`"title":"A","datasource":{"type":"prometheus","uid":"${datasource}"`, `"title":"A","datasource":{"type":"prometheus","uid":"P1"`},
		"a query of another data source":    {`"refId":"A","datasource":{"type":"prometheus"`, `"refId":"A","datasource":{"type":"loki"`},
		"a query without a refId":           {`"refId":"A"`, `"refId":""`},
		"a refId twice":                     {`"targets":[`, `"targets":[{"refId":"A","datasource":{"type":"prometheus","uid":"${datasource}"},"expr":"up","range":true},`},
		"a query neither instant nor range": {`"instant":true`, `"instant":false`},
		"no query":                          {`"expr":"rate(x[$__rate_interval])"`, `"expr":""`},
		"overlapping panels":                {`"x":12`, `"x":11`},
		"a panel beyond the grid":           {`"x":12`, `"x":13`},
		"a panel without height":            {`"h":4`, `"h":0`},
		"no problem (the good case)":        {`"x":12`, `"x":12`},
	} {
		t.Run(name, func(t *testing.T) {
			var board dashboard
			if err := json.Unmarshal([]byte(strings.Replace(good, change[0], change[1], 1)), &board); err != nil {
				t.Fatal(err)
			}
			want := change[0] != change[1]
			if problems := problems(&board); (len(problems) > 0) != want {
				t.Errorf("found %q", problems)
			}
		})
	}
}
