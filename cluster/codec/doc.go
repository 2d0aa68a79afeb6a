// Package codec decodes what the API server sends to the informers and to the writer. It
// reads JSON in one pass and builds only what is asked for: fields that nobody reads, such
// as a status, are skipped unparsed. What it gives is what client-go's own decoder for the
// dynamic client gives, but for those fields.
//
// It may import apimachinery and a JSON tokenizer, and no room of certshim.
package codec
