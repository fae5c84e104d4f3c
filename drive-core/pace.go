package drive

import (
	"context"

	"golang.org/x/time/rate"
)

// paceBurst is how many bytes background work handles at once before it waits.
const paceBurst = 1 << 20

// newPace limits background work to so many bytes a second; nil, for 0 and less, is
// no limit.
func newPace(bytesPerSecond int64) *rate.Limiter {
	if bytesPerSecond <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(bytesPerSecond), paceBurst)
}

// keepPace waits until n more bytes were in order, or until ctx is done.
func keepPace(ctx context.Context, pace *rate.Limiter, n int64) error {
	if pace == nil {
		return ctx.Err()
	}
	for n > 0 {
		part := min(n, paceBurst)
		if err := pace.WaitN(ctx, int(part)); err != nil {
			if ctx.Err() == nil {
				return context.DeadlineExceeded // it would come before the time is up
			}
			return ctx.Err()
		}
		n -= part
	}
	return nil
}
