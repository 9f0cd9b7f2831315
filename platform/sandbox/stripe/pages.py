"""The pages that a person is sent to: the checkout, the portal, and a bench for the clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from html import escape
from urllib.parse import parse_qsl

from sandbox.server import Reply
from sandbox.stripe import checkout, invoices, portal, subscriptions
from sandbox.stripe.books import DAY, Books, Thing
from sandbox.stripe.deliveries import Sender
from sandbox.stripe.errors import StripeFault, missing

CARDS = {
    checkout.PAYS: "4242 4242 4242 4242, pays",
    checkout.REFUSED_LATER: "4000 0000 0000 0341, pays now and is refused at renewals",
    checkout.DECLINED: "4000 0000 0000 0002, is declined",
}
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; padding: 24px 16px; max-width: 560px; }
.note { border: 1px solid; border-radius: 6px; padding: 8px 12px; }
fieldset { border: 1px solid #8888; border-radius: 6px; margin: 16px 0; }
label { display: block; padding: 6px 0; }
button, .button { font: inherit; padding: 8px 16px; margin: 4px 8px 4px 0; min-height: 44px; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 4px 8px 4px 0; }
"""
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
    "Cache-Control": "no-store",
}


def answer(books: Books, method: str, path: str, body: str, sender: Sender) -> Reply:
    """Return a page, or where it leads."""
    form = dict(parse_qsl(body)) if method == "POST" else {}
    kind, _, name = path.strip("/").rpartition("/")
    if kind == "c/pay":
        return _checkout(books, checkout.current(books, name), form)
    if kind == "p/session":
        return _portal(books, books.get("billing_portal.session", name), form)
    if path == "/":
        return _bench(books, form, sender)
    raise missing("page", path)


def _checkout(books: Books, session: Thing, form: dict[str, str]) -> Reply:
    said = ""
    if form.get("act") == "pay":
        target = checkout.pay(books, session, form.get("card", ""))
        if target:
            return _to(target)
        said = "The card was declined. Nothing was charged. Choose another card."
    if session["status"] != "open":
        return _page("Checkout", f"<p>This checkout is {session['status']}.</p>", 410)
    price = books.things[session["_price"]]
    product = books.things[price["product"]]
    trial = session["_trial_days"]
    when = f"after {trial} days free" if trial else "today"
    cards = "".join(
        f'<label><input type="radio" name="card" value="{last}"'
        f"{' checked' if last == checkout.PAYS else ''}> {text}</label>"
        for last, text in CARDS.items()
    )
    back = session["cancel_url"]
    leave = f'<p><a href="{escape(back)}">Leave without paying</a></p>' if back else ""
    return _page(
        f"Subscribe to {product['name']}",
        f"""<p><strong>{_money(price["unit_amount"])}</strong> a
{price["recurring"]["interval"]}, {when}.</p>{_said(said)}
<form method="post"><fieldset><legend>Card</legend>{cards}</fieldset>
<button name="act" value="pay">Pay</button></form>{leave}""",
    )


def _portal(books: Books, session: Thing, form: dict[str, str]) -> Reply:
    said = ""
    if form:
        said = portal.act(books, session, form.get("act", ""), form.get("value", ""))
    found = portal.live_of(books, session)
    back = f'<p><a href="{escape(str(session["return_url"]))}">Back to Pulse</a></p>'
    if found is None:
        return _page("Your subscription", f"<p>There is none that goes on.</p>{back}")
    item = found["items"]["data"][0]
    until = _day(item["current_period_end"])
    ending = found["cancel_at_period_end"]
    plans = "".join(
        f'<label><input type="radio" name="value" value="{price["id"]}"'
        f"{' checked' if price['id'] == item['price']['id'] else ''}>"
        f" {_price(books, price)}</label>"
        for price in portal.prices_of(books)
    )
    cards = "".join(
        f'<label><input type="radio" name="value" value="{last}"> {text}</label>'
        for last, text in CARDS.items()
        if last != checkout.DECLINED
    )
    act, word = (
        ("resume", "Go on after all") if ending else ("cancel", "Cancel at the period's end")
    )
    return _page(
        "Your subscription",
        f"""<p>{_price(books, item["price"])}, {found["status"]},
{"ends" if ending else "renews"} on {until}.</p>{_said(said)}
<form method="post"><fieldset><legend>Change the plan</legend>{plans}
<button name="act" value="change">Change the plan</button></fieldset></form>
<form method="post"><fieldset><legend>Change the card</legend>{cards}
<button name="act" value="card">Change the card</button></fieldset></form>
<form method="post"><button name="act" value="{act}">{word}</button></form>{back}""",
    )


def _bench(books: Books, form: dict[str, str], sender: Sender) -> Reply:
    said = ""
    if form.get("act") == "advance":
        days = int(form.get("days", "0")) if form.get("days", "").isdecimal() else 0
        subscriptions.advance(books, min(days, 800) * DAY)
        said = f"{min(days, 800)} days have gone by."
    elif form:
        said = _operate(books, form)
    rows = "".join(
        f"<tr><td>{escape(str(books.things.get(one['customer'], {}).get('email')))}</td>"
        f"<td>{one['status']}</td><td>{_day(one['items']['data'][0]['current_period_end'])}</td></tr>"
        for one in books.all("subscription")
    )
    events = _lines(f"{e['type']} {e['id']}" for e in books.events[-12:])
    target = escape(sender.target or "nobody")
    return _page(
        "Bench of the Stripe stand-in",
        f"""{_said(said)}<p>It is {_day(books.now)} here. Webhooks go to {target};
last answers: {escape(str(sender.answers[-5:]))}.</p>
<form method="post"><label>Days to go by <input name="days" value="31" inputmode="numeric"></label>
<button name="act" value="advance">Let time go by</button></form>
<form method="post"><button name="act" value="refund">Refund the newest payment</button>
<button name="act" value="dispute">Dispute the newest payment</button>
<button name="act" value="won">Win the open dispute</button></form>
<table><thead><tr><th>Who</th><th>Status</th><th>Until</th></tr></thead><tbody>{rows}</tbody></table>
<h2>Newest events</h2><ul>{events}</ul>""",
    )


def _operate(books: Books, form: dict[str, str]) -> str:
    charge = next(iter(books.all("charge", status="succeeded")), None)
    opened = [d for d in books.all("dispute") if d["status"] in invoices.DISPUTED]
    if form["act"] == "won" and opened:
        invoices.dispute_close(books, opened[0], "won")
        return "The dispute is won."
    if charge is None or form["act"] not in ("refund", "dispute"):
        raise StripeFault("There is nothing of the kind.")
    if form["act"] == "refund":
        invoices.refund(books, {"charge": charge["id"]})
        return "The newest payment is given back."
    invoices.dispute(books, charge)
    return "The newest payment is disputed."


def _price(books: Books, price: Thing) -> str:
    name = escape(books.things[price["product"]]["name"])
    return f"{name}, {_money(price['unit_amount'])} a {price['recurring']['interval']}"


def _money(cents: int) -> str:
    return f"${cents / 100:,.2f}"


def _day(second: int) -> str:
    return dt.datetime.fromtimestamp(second, dt.UTC).strftime("%-d %B %Y")


def _said(text: str) -> str:
    return f'<p class="note" role="status">{escape(text)}</p>' if text else ""


def _lines(texts: Iterable[str]) -> str:
    return "".join(f"<li>{escape(text)}</li>" for text in texts)


def _to(target: str) -> Reply:
    return Reply(303, b"", {"Location": target})


def _page(title: str, inner: str, status: int = 200) -> Reply:
    text = f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>
<p class="note">Stand-in for Stripe. No money moves here and no card is real.</p>
<h1>{escape(title)}</h1>{inner}</main></body></html>"""
    return Reply(status, text.encode(), _HEADERS)
