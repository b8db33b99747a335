"""The books: a double-entry ledger and the account that sums it. Pure; functions/reconciliation commits them."""
