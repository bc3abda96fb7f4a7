"""Recovery codes that have just been made: shown in this answer only, with the means to know one again."""

from secondstep.pages.answer import Page
from secondstep.pages.browser import Browser
from secondstep.pages.failing import told
from secondstep.pages.signed_in import destination


def codes_page(browser: Browser, codes: list[str], account: str, *, cookies: tuple[str, ...] = ()) -> Page:
    """Show new recovery codes; beside them the proofs by which one that is typed back is known again."""
    proofs = " ".join(browser.sign(text.replace("-", "")) for text in codes)
    shows = {"codes": codes, "proofs": proofs, "after": destination(browser), "error": told(None)}
    return Page(template="recovery_codes", shows=shows, account=account, cookies=cookies, is_shown_again=False)
