package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// output is how a command prints: text for people, or JSON.
type output struct{ format string }

func (o *output) flag(cmd *cobra.Command) {
	cmd.Flags().VarP(o, "output", "o", "text or json")
	o.format = "text"
	cmd.Flags().Lookup("output").DefValue = "text"
	registerCompletion(cmd, "output", words("text", "json"))
}

func (o *output) json() bool { return o.format == "json" }

// String is the format.
func (o *output) String() string { return o.format }

// Set is the flag's.
func (o *output) Set(value string) error {
	if value != "text" && value != "json" {
		return errors.New("must be text or json")
	}
	o.format = value
	return nil
}

// Type is what help calls the flag's value.
func (o *output) Type() string { return "format" }

// printJSON prints a value indented, its texts as they are.
func printJSON(cmd *cobra.Command, value any) error {
	encoder := json.NewEncoder(cmd.OutOrStdout())
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// columnGap is between the columns of a table.
const columnGap = 2

// printTable prints rows in columns, the first of them the head.
func printTable(w io.Writer, rows [][]string) error {
	table := tabwriter.NewWriter(w, 0, 0, columnGap, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = plainLine(cell)
		}
		if _, err := fmt.Fprintln(table, strings.Join(cells, "\t")); err != nil {
			return err
		}
	}
	return table.Flush()
}

// columns is how wide a cell is that printTable prints.
func columns(cell string) int { return utf8.RuneCountInString(plainLine(cell)) }

// tableWidth is how wide the lines of printTable are.
func tableWidth(rows [][]string) int {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], columns(cell))
		}
	}
	total := -columnGap
	for _, w := range widths {
		total += w + columnGap
	}
	return total
}

// plain is a text from outside without what a terminal would take for commands.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return -1
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// plainLine is the same on one line.
func plainLine(text string) string { return strings.Join(strings.Fields(plain(text)), " ") }

// took is a duration for people: its two greatest units.
func took(d time.Duration) string {
	d = max(0, d)
	switch {
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}

// moment is a time for people, where they are.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
