package provision

import "context"

// Outcome says what came of an [Apply].
type Outcome string

// The outcomes. The first three are those of plans that ran to their end.
const (
	OutcomeChanged    Outcome = "changed"      // the account is as planned, and was not before
	OutcomeUnchanged  Outcome = "unchanged"    // it was as planned already: there was nothing to do
	OutcomeNoAccount  Outcome = "no-account"   // there was no account to drop
	OutcomeRefused    Outcome = "refused"      // a step failed before anything was changed
	OutcomeRolledBack Outcome = "rolled-back"  // a step failed in PostgreSQL, and nothing was changed
	OutcomeKept       Outcome = "kept"         // a step failed in MySQL or MariaDB, and those before it stay
	OutcomeToRollBack Outcome = "to-roll-back" // a step failed in the caller's transaction
	OutcomeUnknown    Outcome = "unknown"      // the connection broke when the transaction was to be committed
)

// afterFailure is for the end of an error's text.
var afterFailure = map[Outcome]string{
	OutcomeRefused:    "nothing was changed",
	OutcomeRolledBack: "everything was rolled back",
	OutcomeKept:       "the steps before it stay, and the same plan goes on from there",
	OutcomeToRollBack: "roll the transaction back",
	OutcomeUnknown:    "whether it was committed is not known: the same plan can run again",
}

// foresee returns the outcome of the plan if it runs to its end.
func (p *Plan) foresee(ctx context.Context, read func(context.Context) (*state, error)) (Outcome, error) {
	found, err := read(ctx)
	if err != nil {
		return "", err
	}
	switch {
	case p.drops && !found.exists:
		return OutcomeNoAccount, nil
	case p.drops || len(found.present(p.reject, p.want)) > 0 || len(found.missing(p.want)) > 0:
		return OutcomeChanged, nil
	}
	for _, drift := range found.found {
		if drift.planned {
			return OutcomeChanged, nil
		}
	}
	return OutcomeUnchanged, nil
}

// outcomeOfFailure says what a failure left behind.
func (p *Plan) outcomeOfFailure(report *Report, given bool) Outcome {
	switch {
	case report.Outcome == OutcomeUnknown:
		return OutcomeUnknown
	case given:
		return OutcomeToRollBack
	case p.Engine == PostgreSQL:
		return OutcomeRolledBack
	}
	for _, step := range report.Steps {
		if step.Kind != KindGuard {
			return OutcomeKept
		}
	}
	return OutcomeRefused
}
