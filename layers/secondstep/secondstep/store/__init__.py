"""DynamoDB: the only place that knows keys, attribute names and conditions. Flows talk to `Store`."""

from collections.abc import Callable

from secondstep.aws import DynamoDb
from secondstep.store.accounts import Accounts
from secondstep.store.administration import Administration
from secondstep.store.ceremonies import Ceremonies
from secondstep.store.charges import Charges
from secondstep.store.codes import Codes
from secondstep.store.counting import Counting
from secondstep.store.database import Database
from secondstep.store.directory import Directory
from secondstep.store.imports import Imports
from secondstep.store.notices import Notices
from secondstep.store.own_account import OwnAccount
from secondstep.store.passwords import PasswordBudgets
from secondstep.store.sessions import Sessions
from secondstep.store.signing_keys import SigningKeys


class Store:
    """Everything that is stored, by the idea it serves."""

    def __init__(self, client: DynamoDb, *, state: str, audit: str, pause: Callable[[float], object]) -> None:
        database = Database(client, state=state, audit=audit, pause=pause)
        self.together = database.together
        self.passwords = PasswordBudgets(database)
        self.charges = Charges(database)
        self.subscribers = Ceremonies(database)
        self.sessions = Sessions(database)
        self.codes = Codes(database)
        self.own_account = OwnAccount(database)
        self.directory = Directory(database)
        self.counting = Counting(database, self.directory)
        self.accounts = Accounts(database, self.sessions)
        self.administration = Administration(database, self.sessions)
        self.imports = Imports(database)
        self.notices = Notices(database)
        self.signing_keys = SigningKeys(database)
