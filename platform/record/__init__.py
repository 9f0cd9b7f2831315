"""What must outlive a crash: event streams, outbox, jobs, idempotency, audit, secrets."""
