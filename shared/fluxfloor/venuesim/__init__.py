"""A venue to practise on: accounts, orders, fees, a ledger and bad days, and real venues' REST spoken over them.

The core is pure and deterministic: it is told the time, and every fault is drawn from a seed.

    venue      Venue: place, cancel, transfer, quote, play, and what look-ups may see; `accounts` is free to read
    markets    a market's rules, the outside quote, and what an order meets there
    sources    where quotes come from: a seeded walk, bars, a list
    orders     Terms (what is asked), Order, Fill, Entry (of the ledger)
    accounts   balances, what is bound, and `Account.faults()`, which says what contradicts itself in the books
    booking    how a fill becomes lines of the ledger
    rules      what differs from venue to venue
    faults     Fault and Faults: what goes wrong, how often, for whom
    budgets    how many questions an account may ask
    gateway    the way there, on which faults strike: `gateway.ask(Call("place", "main"), lambda: venue.place(…))`

Over it, one façade a venue (`kraken`, `binance`, `alpaca`), `server` (HTTP on loopback) and `control` (its own pages
under /_sim/).

How to add a façade: a class with a `name` and `handle(Request) -> Response` (see `facade`). It reads the path and asks
`desk.gateway.ask(Call(<core's name>, <account>, <endpoint>), act)`, where `act` runs when the request arrives: there it
verifies the signature with `desk.keys`, calls `desk.venue`, and shapes the answer. It turns Refused into the venue's
own words and lets NoAnswer and Broken pass. Its `Rules` say what the venue does differently.
"""
