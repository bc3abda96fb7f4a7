"""What is broken to see the model turn red, the model alone: no other suite may stand in (`tests/mutations.py`)."""

STORE = "layers/secondstep/secondstep/store"
AIM = "tests/model -k meet"
MUTATIONS = (
    (
        "a refresh does not check the token that it takes the place of",
        f"{STORE}/sessions.py",
        ".require(equals((S_CURRENT,), session.current_hash))",
        "",
        AIM,
    ),
    (
        "a recovery code need not be unused",
        f"{STORE}/ceremonies.py",
        ".require(contains((CODE_SET,), code_hash))",
        "",
        AIM,
    ),
    (
        "a password is set by a ticket that another one has replaced",
        f"{STORE}/ceremonies.py",
        '        write.require(equals((PASSWORD_TICKET, T_HASH), ticket.hash if ticket else b""))\n',
        "",
        AIM,
    ),
)
AS_ELSEWHERE = {  # by the names that they have where another suite is aimed at
    "drop last_step <",
    "drop epoch = in an accept",
    "the challenge is not spent",
    "a refresh does not check the subscriber",
    "an ended session still changes its owner",
}
