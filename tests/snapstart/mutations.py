"""How SnapStart is broken by hand: what INIT leaves to later, what the hooks do (`make mutations`).

Each is name, file, text before, text after, and what pytest is asked to run.
"""

PACKAGE = "layers/secondstep/secondstep"
MUTATIONS = (
    (
        "the pauses of all restored environments are the same",
        f"{PACKAGE}/snapshot.py",
        "    random.seed()\n",
        "",
        "tests/snapstart -k 'alike and login'",
    ),
    (
        "TLS draws the same in all restored environments",
        f"{PACKAGE}/snapshot.py",
        "    ssl.RAND_add(os.urandom(_SEED_BYTES), 0.0)",
        "    ()",
        "tests/snapstart -k 'alike and login'",
    ),
    (
        "an image with an opened key is published",
        f"{PACKAGE}/snapshot.py",
        "    if has_parts():\n        raise TooEarly\n",
        "    has_parts()\n",
        "tests/snapstart -k refused",
    ),
    (
        "a restored environment does not begin",
        f"{PACKAGE}/snapshot.py",
        "    begin()\n",
        "",
        "tests/snapstart -k connection_of_its_own",
    ),
    (
        "the signing keys are read before the snapshot",
        f"{PACKAGE}/wiring.py",
        "    snapshot.expect(",
        "    _begin_here()\n    snapshot.expect(",
        "tests/snapstart -k 'alike and login'",
    ),
    (
        "AWS is spoken to before the snapshot, and the parts forgotten",
        f"{PACKAGE}/wiring.py",
        "    snapshot.expect(",
        "    _begin_here()\n    install(None)\n    snapshot.expect(",
        "tests/snapstart -k 'in_the_image'",
    ),
    (
        "SnapStart is not noticed",
        f"{PACKAGE}/wiring.py",
        "if os.environ.get(_INITIALIZATION) == _SNAPSHOT:",
        "if False:",
        "tests/snapstart -k 'alike and login'",
    ),
    (
        "every cold start loads what only SnapStart needs",
        f"{PACKAGE}/wiring.py",
        "from secondstep.store import Store\n",
        "from secondstep.store import Store\nfrom secondstep import snapshot as _  # noqa\n",
        "tests/snapstart -k without_snapstart",
    ),
    (
        "cryptography's generator is drawn from in INIT",
        f"{PACKAGE}/keys.py",
        "_RSA_BITS = 2048\n",
        "_RSA_BITS = 2048\nrsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)\n",
        "tests/snapstart -k 'alike and login'",
    ),
)
