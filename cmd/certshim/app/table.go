package app

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// table keeps its rows until the widths of all columns are known.
type table struct {
	w io.Writer
	// paint gives the colour of a cell in its row; nil is for plain text.
	paint  func(row []string, column int) colour
	widths []int
	// blocks are the rows, their cells ended by tabs; no cell has one.
	blocks []*bytes.Buffer
}

// blockSize is how much of the rows is kept in one piece.
const blockSize = 64 << 10

// row keeps cells, in a form that is safe on a terminal.
func (t *table) row(cells ...string) {
	if last := len(t.blocks) - 1; last < 0 || t.blocks[last].Available() < blockSize/8 {
		t.blocks = append(t.blocks, bytes.NewBuffer(make([]byte, 0, blockSize)))
	}
	block := t.blocks[len(t.blocks)-1]
	for i, cell := range cells {
		cell = printable(cmp.Or(cell, "-"))
		if i == len(t.widths) {
			t.widths = append(t.widths, 0)
		}
		t.widths[i] = max(t.widths[i], utf8.RuneCountInString(cell))
		block.WriteString(cell + "\t")
	}
	block.WriteByte('\n')
}

// flush writes the rows.
func (t *table) flush() error {
	for _, block := range t.blocks {
		for line := range strings.Lines(block.String()) {
			if err := t.print(strings.Split(strings.TrimSuffix(line, "\t\n"), "\t")); err != nil {
				return fmt.Errorf("write the table: %w", err)
			}
		}
		block.Reset()
	}
	return nil
}

// print writes a row, its columns two blanks apart. The escape sequences don't count for the width of a column.
func (t *table) print(cells []string) error {
	var b strings.Builder
	for i, cell := range cells {
		text := cell
		if t.paint != nil {
			text = t.paint(cells, i).paint(cell)
		}
		b.WriteString(text)
		if i < len(cells)-1 {
			b.WriteString(strings.Repeat(" ", t.widths[i]+2-utf8.RuneCountInString(cell)))
		}
	}
	_, err := fmt.Fprintln(t.w, b.String())
	return err
}
