package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Poll asks until it is true, for what no watch tells. An error ends it, and so does [patience].
func Poll(ctx context.Context, what string, is func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if done, err := is(ctx); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %s for %s", patience, what)
		case <-tick.C:
		}
	}
}

// Await tries until there is no error, and gives the last one if that doesn't come true.
func Await(ctx context.Context, what string, try func(context.Context) error) error {
	var last error
	err := Poll(ctx, what, func(ctx context.Context) (bool, error) {
		last = try(ctx)
		return last == nil, nil
	})
	return errors.Join(err, last)
}
