"""Mail through SES: plain text, from one verified address."""

from secondstep.aws import Ses


class Mailer:
    """Sends mails as one sender."""

    def __init__(self, client: Ses, sender: str) -> None:
        self._client = client
        self._sender = sender

    def send(self, *, recipient: str, subject: str, text: str) -> None:
        """Hand one mail to SES; AwsUnavailable and AwsRefused as they come, for the caller to be tried again."""
        self._client.send_email(
            FromEmailAddress=self._sender,
            Destination={"ToAddresses": [recipient]},
            Content={
                "Simple": {
                    "Subject": {"Data": subject, "Charset": "UTF-8"},
                    "Body": {"Text": {"Data": text, "Charset": "UTF-8"}},
                    # RFC 3834: no vacation reply, no ticket of a help desk answers it
                    "Headers": [{"Name": "Auto-Submitted", "Value": "auto-generated"}],
                }
            },
        )
