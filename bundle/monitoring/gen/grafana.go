package main

import "fmt"

// dashboard is the part of Grafana's dashboard model that these dashboards use. Schema 38 is
// Grafana 10's, which later versions migrate.
type dashboard struct {
	UID           string     `json:"uid"`
	Title         string     `json:"title"`
	Description   string     `json:"description"`
	Tags          []string   `json:"tags"`
	SchemaVersion int        `json:"schemaVersion"`
	Version       int        `json:"version"`
	Editable      bool       `json:"editable"`
	Refresh       string     `json:"refresh"`
	Time          timeRange  `json:"time"`
	Templating    templating `json:"templating"`
	Panels        []panel    `json:"panels"`
}

type timeRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type templating struct {
	List []variable `json:"list"`
}

type variable struct {
	Name       string      `json:"name"`
	Label      string      `json:"label"`
	Type       string      `json:"type"`
	Query      string      `json:"query"`
	Datasource *datasource `json:"datasource,omitempty"`
	Refresh    int         `json:"refresh"` // 2: when the time range changes
	Sort       int         `json:"sort,omitempty"`
	Multi      bool        `json:"multi,omitempty"`
	IncludeAll bool        `json:"includeAll,omitempty"`
	AllValue   string      `json:"allValue,omitempty"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type panel struct {
	ID          int            `json:"id"`
	Type        string         `json:"type"`
	Title       string         `json:"title"`
	Description string         `json:"description,omitempty"`
	Datasource  *datasource    `json:"datasource"`
	GridPos     gridPos        `json:"gridPos"`
	Targets     []target       `json:"targets"`
	FieldConfig fieldConfig    `json:"fieldConfig"`
	Options     map[string]any `json:"options"`
}

type gridPos struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

type target struct {
	RefID        string      `json:"refId"`
	Datasource   *datasource `json:"datasource"`
	Expr         string      `json:"expr"`
	LegendFormat string      `json:"legendFormat"`
	Instant      bool        `json:"instant,omitempty"`
	Range        bool        `json:"range,omitempty"`
}

type fieldConfig struct {
	Defaults  map[string]any   `json:"defaults"`
	Overrides []map[string]any `json:"overrides"`
}

const gridWidth = 24

func prometheus() *datasource { return &datasource{Type: "prometheus", UID: "${datasource}"} }

// newDashboard lays out panels in rows. The panels of a row have equal widths.
func newDashboard(uid, title, description string, variables []variable, rows ...[]panel) dashboard {
	d := dashboard{
		UID: uid, Title: title, Description: description, Tags: []string{"nufi"}, SchemaVersion: 38, Version: 1,
		Editable: true, Refresh: "30s", Time: timeRange{From: "now-1h", To: "now"},
		Templating: templating{List: append([]variable{{Name: "datasource", Label: "Data source", Type: "datasource", Query: "prometheus", Refresh: 1}}, variables...)},
	}
	y := 0
	for _, row := range rows {
		width := gridWidth / len(row)
		for i, p := range row {
			p.ID = len(d.Panels) + 1
			p.GridPos.W, p.GridPos.X, p.GridPos.Y = width, i*width, y
			d.Panels = append(d.Panels, p)
		}
		y += row[0].GridPos.H
	}
	return d
}

func choice(name, label, query string) variable {
	return variable{
		Name: name, Label: label, Type: "query", Query: query, Datasource: prometheus(),
		Refresh: 2, Sort: 1, Multi: true, IncludeAll: true, AllValue: ".*",
	}
}

// line is an expression and the name of its series.
type line struct{ expr, legend string }

func targets(lines []line, instant bool) []target {
	list := make([]target, len(lines))
	for i, l := range lines {
		list[i] = target{RefID: string(rune('A' + i)), Datasource: prometheus(), Expr: l.expr, LegendFormat: l.legend, Instant: instant, Range: !instant}
	}
	return list
}

func newPanel(kind, title, description, unit string, height int, lines []line) panel {
	return panel{
		Type: kind, Title: title, Description: description, Datasource: prometheus(),
		GridPos: gridPos{H: height}, Targets: targets(lines, kind == "stat"),
		FieldConfig: fieldConfig{Defaults: map[string]any{"unit": unit, "min": 0}, Overrides: []map[string]any{}},
		Options:     map[string]any{},
	}
}

func graph(title, description, unit string, lines ...line) panel {
	p := newPanel("timeseries", title, description, unit, 8, lines)
	p.FieldConfig.Defaults["custom"] = map[string]any{"drawStyle": "line", "fillOpacity": 10, "showPoints": "never"}
	p.Options["legend"] = map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true}
	p.Options["tooltip"] = map[string]any{"mode": "multi", "sort": "desc"}
	return p
}

func stacked(title, description, unit string, lines ...line) panel {
	p := graph(title, description, unit, lines...)
	p.FieldConfig.Defaults["custom"] = map[string]any{
		"drawStyle": "line", "fillOpacity": 60, "showPoints": "never",
		"stacking": map[string]any{"mode": "normal", "group": "A"},
	}
	return p
}

func stat(title, description, unit string, lines ...line) panel {
	p := newPanel("stat", title, description, unit, 4, lines)
	p.Options["reduceOptions"] = map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}
	p.Options["colorMode"] = "value"
	p.Options["graphMode"] = "none"
	return p
}

// heatmap shows one row of cells per series, colored by value from 0 to maximum.
func heatmap(title, description, unit string, maximum float64, lines ...line) panel {
	p := newPanel("status-history", title, description, unit, 14, lines)
	p.FieldConfig.Defaults["max"] = maximum
	p.FieldConfig.Defaults["color"] = map[string]any{"mode": "continuous-BlYlRd"}
	p.FieldConfig.Defaults["custom"] = map[string]any{"fillOpacity": 90, "lineWidth": 0}
	p.Options["showValue"] = "never"
	p.Options["rowHeight"] = 0.9
	p.Options["legend"] = map[string]any{"showLegend": false}
	return p
}

// quantiles returns the lines of a histogram's quantiles, by a label. A Prometheus that scrapes native histograms stores no
// buckets of a histogram that has both, as those of controller-runtime have.
func quantiles(histogram, by string) []line {
	quantile := func(value, name string) line {
		return line{
			fmt.Sprintf("histogram_quantile(%s, sum by (%s, le) (rate(%s_bucket[$__rate_interval])))", value, by, histogram) +
				fmt.Sprintf(" or histogram_quantile(%s, sum by (%s) (rate(%s[$__rate_interval])))", value, by, histogram),
			fmt.Sprintf("%s {{%s}}", name, by),
		}
	}
	return []line{quantile("0.5", "p50"), quantile("0.95", "p95")}
}
