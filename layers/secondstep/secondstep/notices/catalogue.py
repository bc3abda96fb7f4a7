# ruff: noqa: E501, RUF001  sentences are not broken, and these languages have their own characters
"""The words of the notices, by language: that of the subscriber's locale, or English.

Complete by test: every language has every notice and the same placeholders.
"""

from collections.abc import Mapping

import msgspec

from secondstep.notices.occasions import Notice


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a mail says in one language."""

    subjects: Mapping[Notice, str]
    happened: Mapping[Notice, str]
    account: str
    login_name: str
    when: str
    source: str
    by: str
    by_operator: str
    nothing_to_do: str
    not_you: str
    ask_admin: str
    automatic: str


FALLBACK = "en"

CATALOGUE: Mapping[str, Wording] = {
    "en": Wording(
        subjects={
            Notice.ENROLLED: "Your authenticator app is set up",
            Notice.AUTHENTICATOR_ADDED: "A further authenticator was added",
            Notice.AUTHENTICATOR_REMOVED: "An authenticator was removed",
            Notice.RESET: "Your second login step was reset",
            Notice.RECOVERY_CODE_USED: "A recovery code was used",
            Notice.RECOVERY_CODES_RENEWED: "New recovery codes were made",
            Notice.PASSWORD_SET: "Your password was set",
            Notice.PASSWORD_CHANGED: "Your password was changed",
            Notice.EMAIL_CHANGED: "Your mail address was changed",
            Notice.LOGIN_AFTER_FAILURES: "A login after several failed attempts",
            Notice.SECOND_STEP_FAILED: "Several wrong codes after the right password",
        },
        happened={
            Notice.ENROLLED: "An authenticator app was set up for your login. From now on every login asks for its code.",
            Notice.AUTHENTICATOR_ADDED: "A further authenticator was added to your login.",
            Notice.AUTHENTICATOR_REMOVED: "An authenticator was removed from your login.",
            Notice.RESET: "Your authenticators and recovery codes were removed and all your sessions were ended. At the next login you set up an authenticator again.",
            Notice.RECOVERY_CODE_USED: "One of your recovery codes was used to log in. It cannot be used again.",
            Notice.RECOVERY_CODES_RENEWED: "New recovery codes were made for your login. The old ones do not work any more.",
            Notice.PASSWORD_SET: "A password was set for your login with a ticket. All your sessions were ended.",
            Notice.PASSWORD_CHANGED: "The password of your login was changed.",
            Notice.EMAIL_CHANGED: "The mail address of your login was changed. This is the last notice to the address that you read this at.",
            Notice.LOGIN_AFTER_FAILURES: "Somebody logged in as you after at least five failed attempts.",
            Notice.SECOND_STEP_FAILED: "Somebody gave your right password and then at least five wrong codes. Whoever it was did not get in by them.",
        },
        account="Account: {account}",
        login_name="Login name: {login_name}",
        when="When: {when}",
        source="From: {source}",
        by="By: {login_name}",
        by_operator="By: the operator of the service",
        nothing_to_do="If it was you, or you asked for it, there is nothing to do.",
        not_you="If it was not you, somebody else may know your password or have your phone. Change your password, if you still can, and get help at once:",
        ask_admin="Ask an admin of your account.",
        automatic="This mail was sent automatically. It never asks you for a password or a code.",
    ),
    "de": Wording(
        subjects={
            Notice.ENROLLED: "Ihre Authenticator-App ist eingerichtet",
            Notice.AUTHENTICATOR_ADDED: "Ein weiterer Authenticator wurde hinzugefügt",
            Notice.AUTHENTICATOR_REMOVED: "Ein Authenticator wurde entfernt",
            Notice.RESET: "Ihr zweiter Anmeldeschritt wurde zurückgesetzt",
            Notice.RECOVERY_CODE_USED: "Ein Wiederherstellungscode wurde benutzt",
            Notice.RECOVERY_CODES_RENEWED: "Neue Wiederherstellungscodes wurden erstellt",
            Notice.PASSWORD_SET: "Ihr Passwort wurde gesetzt",
            Notice.PASSWORD_CHANGED: "Ihr Passwort wurde geändert",
            Notice.EMAIL_CHANGED: "Ihre E-Mail-Adresse wurde geändert",
            Notice.LOGIN_AFTER_FAILURES: "Eine Anmeldung nach mehreren Fehlversuchen",
            Notice.SECOND_STEP_FAILED: "Mehrere falsche Codes nach dem richtigen Passwort",
        },
        happened={
            Notice.ENROLLED: "Für Ihre Anmeldung wurde eine Authenticator-App eingerichtet. Von jetzt an fragt jede Anmeldung nach deren Code.",
            Notice.AUTHENTICATOR_ADDED: "Ihrer Anmeldung wurde ein weiterer Authenticator hinzugefügt.",
            Notice.AUTHENTICATOR_REMOVED: "Ein Authenticator wurde von Ihrer Anmeldung entfernt.",
            Notice.RESET: "Ihre Authenticatoren und Wiederherstellungscodes wurden entfernt und alle Ihre Sitzungen beendet. Bei der nächsten Anmeldung richten Sie einen Authenticator neu ein.",
            Notice.RECOVERY_CODE_USED: "Mit einem Ihrer Wiederherstellungscodes hat sich jemand angemeldet. Er ist damit verbraucht.",
            Notice.RECOVERY_CODES_RENEWED: "Für Ihre Anmeldung wurden neue Wiederherstellungscodes erstellt. Die alten gelten nicht mehr.",
            Notice.PASSWORD_SET: "Für Ihre Anmeldung wurde mit einem Ticket ein Passwort gesetzt. Alle Ihre Sitzungen wurden beendet.",
            Notice.PASSWORD_CHANGED: "Das Passwort Ihrer Anmeldung wurde geändert.",
            Notice.EMAIL_CHANGED: "Die E-Mail-Adresse Ihrer Anmeldung wurde geändert. Dies ist die letzte Nachricht an die Adresse, unter der Sie sie lesen.",
            Notice.LOGIN_AFTER_FAILURES: "Jemand hat sich nach mindestens fünf Fehlversuchen als Sie angemeldet.",
            Notice.SECOND_STEP_FAILED: "Jemand hat Ihr richtiges Passwort und danach mindestens fünf falsche Codes eingegeben. Mit diesen ist niemand hineingekommen.",
        },
        account="Konto: {account}",
        login_name="Anmeldename: {login_name}",
        when="Wann: {when}",
        source="Von: {source}",
        by="Durch: {login_name}",
        by_operator="Durch: den Betreiber des Dienstes",
        nothing_to_do="Wenn Sie das waren oder darum gebeten haben, ist nichts zu tun.",
        not_you="Wenn nicht, kennt vielleicht jemand Ihr Passwort oder hat Ihr Telefon. Ändern Sie Ihr Passwort, falls Sie es noch können, und holen Sie sofort Hilfe:",
        ask_admin="Fragen Sie einen Administrator Ihres Kontos.",
        automatic="Diese E-Mail wurde automatisch verschickt. Sie fragt nie nach einem Passwort oder einem Code.",
    ),
    "fr": Wording(
        subjects={
            Notice.ENROLLED: "Votre application d’authentification est configurée",
            Notice.AUTHENTICATOR_ADDED: "Un autre authentificateur a été ajouté",
            Notice.AUTHENTICATOR_REMOVED: "Un authentificateur a été supprimé",
            Notice.RESET: "Votre seconde étape de connexion a été réinitialisée",
            Notice.RECOVERY_CODE_USED: "Un code de récupération a été utilisé",
            Notice.RECOVERY_CODES_RENEWED: "De nouveaux codes de récupération ont été créés",
            Notice.PASSWORD_SET: "Votre mot de passe a été défini",
            Notice.PASSWORD_CHANGED: "Votre mot de passe a été modifié",
            Notice.EMAIL_CHANGED: "Votre adresse électronique a été modifiée",
            Notice.LOGIN_AFTER_FAILURES: "Une connexion après plusieurs échecs",
            Notice.SECOND_STEP_FAILED: "Plusieurs codes erronés après le bon mot de passe",
        },
        happened={
            Notice.ENROLLED: "Une application d’authentification a été configurée pour votre connexion. Désormais, chaque connexion demandera son code.",
            Notice.AUTHENTICATOR_ADDED: "Un autre authentificateur a été ajouté à votre connexion.",
            Notice.AUTHENTICATOR_REMOVED: "Un authentificateur a été supprimé de votre connexion.",
            Notice.RESET: "Vos authentificateurs et vos codes de récupération ont été supprimés et toutes vos sessions ont été fermées. À la prochaine connexion, vous configurerez de nouveau un authentificateur.",
            Notice.RECOVERY_CODE_USED: "Un de vos codes de récupération a servi à se connecter. Il ne peut plus être utilisé.",
            Notice.RECOVERY_CODES_RENEWED: "De nouveaux codes de récupération ont été créés pour votre compte. Les anciens ne fonctionnent plus.",
            Notice.PASSWORD_SET: "Un mot de passe a été défini pour votre connexion à l’aide d’un ticket. Toutes vos sessions ont été fermées.",
            Notice.PASSWORD_CHANGED: "Le mot de passe de votre connexion a été modifié.",
            Notice.EMAIL_CHANGED: "L’adresse électronique de votre connexion a été modifiée. Ceci est le dernier avis envoyé à l’adresse où vous le lisez.",
            Notice.LOGIN_AFTER_FAILURES: "Quelqu’un s’est connecté en votre nom après au moins cinq échecs.",
            Notice.SECOND_STEP_FAILED: "Quelqu’un a saisi votre bon mot de passe, puis au moins cinq codes erronés. Ceux-ci n’ont ouvert aucun accès.",
        },
        account="Compte : {account}",
        login_name="Identifiant : {login_name}",
        when="Quand : {when}",
        source="Depuis : {source}",
        by="Par : {login_name}",
        by_operator="Par : l’exploitant du service",
        nothing_to_do="Si c’était vous, ou si vous l’avez demandé, vous n’avez rien à faire.",
        not_you="Sinon, quelqu’un connaît peut-être votre mot de passe ou détient votre téléphone. Changez de mot de passe, si vous le pouvez encore, et demandez de l’aide sans attendre :",
        ask_admin="Adressez-vous à un administrateur de votre compte.",
        automatic="Ce message a été envoyé automatiquement. Il ne demande jamais de mot de passe ni de code.",
    ),
    "es": Wording(
        subjects={
            Notice.ENROLLED: "Su aplicación de autenticación está configurada",
            Notice.AUTHENTICATOR_ADDED: "Se ha añadido otro autenticador",
            Notice.AUTHENTICATOR_REMOVED: "Se ha eliminado un autenticador",
            Notice.RESET: "Se ha restablecido su segundo paso de acceso",
            Notice.RECOVERY_CODE_USED: "Se ha usado un código de recuperación",
            Notice.RECOVERY_CODES_RENEWED: "Se han creado nuevos códigos de recuperación",
            Notice.PASSWORD_SET: "Se ha establecido su contraseña",
            Notice.PASSWORD_CHANGED: "Se ha cambiado su contraseña",
            Notice.EMAIL_CHANGED: "Se ha cambiado su dirección de correo",
            Notice.LOGIN_AFTER_FAILURES: "Un acceso tras varios intentos fallidos",
            Notice.SECOND_STEP_FAILED: "Varios códigos erróneos tras la contraseña correcta",
        },
        happened={
            Notice.ENROLLED: "Se ha configurado una aplicación de autenticación para su acceso. Desde ahora, cada acceso pedirá su código.",
            Notice.AUTHENTICATOR_ADDED: "Se ha añadido otro autenticador a su acceso.",
            Notice.AUTHENTICATOR_REMOVED: "Se ha eliminado un autenticador de su acceso.",
            Notice.RESET: "Se han eliminado sus autenticadores y códigos de recuperación y se han cerrado todas sus sesiones. En el próximo acceso configurará de nuevo un autenticador.",
            Notice.RECOVERY_CODE_USED: "Se ha usado uno de sus códigos de recuperación para acceder. Ya no se puede volver a usar.",
            Notice.RECOVERY_CODES_RENEWED: "Se han creado nuevos códigos de recuperación para su acceso. Los anteriores ya no funcionan.",
            Notice.PASSWORD_SET: "Se ha establecido una contraseña para su acceso con un tique. Se han cerrado todas sus sesiones.",
            Notice.PASSWORD_CHANGED: "Se ha cambiado la contraseña de su acceso.",
            Notice.EMAIL_CHANGED: "Se ha cambiado la dirección de correo de su acceso. Este es el último aviso a la dirección en la que lo lee.",
            Notice.LOGIN_AFTER_FAILURES: "Alguien ha accedido en su nombre tras al menos cinco intentos fallidos.",
            Notice.SECOND_STEP_FAILED: "Alguien ha introducido su contraseña correcta y después al menos cinco códigos erróneos. Con ellos no ha entrado nadie.",
        },
        account="Cuenta: {account}",
        login_name="Nombre de acceso: {login_name}",
        when="Cuándo: {when}",
        source="Desde: {source}",
        by="Por: {login_name}",
        by_operator="Por: el operador del servicio",
        nothing_to_do="Si ha sido usted, o lo ha pedido, no tiene que hacer nada.",
        not_you="Si no ha sido usted, puede que alguien conozca su contraseña o tenga su teléfono. Cambie la contraseña, si todavía puede, y pida ayuda de inmediato:",
        ask_admin="Pregunte a un administrador de su cuenta.",
        automatic="Este mensaje se ha enviado automáticamente. Nunca pide una contraseña ni un código.",
    ),
    "ja": Wording(
        subjects={
            Notice.ENROLLED: "認証アプリが設定されました",
            Notice.AUTHENTICATOR_ADDED: "認証アプリが追加されました",
            Notice.AUTHENTICATOR_REMOVED: "認証アプリが削除されました",
            Notice.RESET: "ログインの第二段階がリセットされました",
            Notice.RECOVERY_CODE_USED: "リカバリーコードが使用されました",
            Notice.RECOVERY_CODES_RENEWED: "新しいリカバリーコードが作成されました",
            Notice.PASSWORD_SET: "パスワードが設定されました",
            Notice.PASSWORD_CHANGED: "パスワードが変更されました",
            Notice.EMAIL_CHANGED: "メールアドレスが変更されました",
            Notice.LOGIN_AFTER_FAILURES: "複数回の失敗の後にログインがありました",
            Notice.SECOND_STEP_FAILED: "正しいパスワードの後に誤ったコードが続きました",
        },
        happened={
            Notice.ENROLLED: "あなたのログインに認証アプリが設定されました。今後はログインのたびにそのコードが必要です。",
            Notice.AUTHENTICATOR_ADDED: "あなたのログインに認証アプリがもう一つ追加されました。",
            Notice.AUTHENTICATOR_REMOVED: "あなたのログインから認証アプリが一つ削除されました。",
            Notice.RESET: "あなたの認証アプリとリカバリーコードが削除され、すべてのセッションが終了しました。次回のログイン時に認証アプリを設定し直してください。",
            Notice.RECOVERY_CODE_USED: "あなたのリカバリーコードの一つがログインに使用されました。そのコードはもう使えません。",
            Notice.RECOVERY_CODES_RENEWED: "あなたのログイン用に新しいリカバリーコードが作成されました。以前のコードはもう使えません。",
            Notice.PASSWORD_SET: "チケットを使って、あなたのログインにパスワードが設定されました。すべてのセッションが終了しました。",
            Notice.PASSWORD_CHANGED: "あなたのログインのパスワードが変更されました。",
            Notice.EMAIL_CHANGED: "あなたのログインのメールアドレスが変更されました。このアドレスへの通知はこれが最後です。",
            Notice.LOGIN_AFTER_FAILURES: "五回以上の失敗の後に、あなたの名前でログインがありました。",
            Notice.SECOND_STEP_FAILED: "正しいパスワードが入力された後、誤ったコードが五回以上入力されました。それらのコードではログインできていません。",
        },
        account="アカウント: {account}",
        login_name="ログイン名: {login_name}",
        when="日時: {when}",
        source="接続元: {source}",
        by="実行者: {login_name}",
        by_operator="実行者: サービスの運営者",
        nothing_to_do="ご自身の操作、またはご自身が依頼した操作であれば、何もする必要はありません。",
        not_you="心当たりがない場合は、誰かがあなたのパスワードを知っているか、電話機を持っている可能性があります。可能であればパスワードを変更し、すぐに次の窓口に連絡してください。",
        ask_admin="アカウントの管理者に問い合わせてください。",
        automatic="このメールは自動送信です。パスワードやコードを尋ねることは決してありません。",
    ),
    "ar": Wording(
        subjects={
            Notice.ENROLLED: "تم إعداد تطبيق المصادقة",
            Notice.AUTHENTICATOR_ADDED: "تمت إضافة أداة مصادقة أخرى",
            Notice.AUTHENTICATOR_REMOVED: "تمت إزالة أداة مصادقة",
            Notice.RESET: "تمت إعادة ضبط الخطوة الثانية لتسجيل الدخول",
            Notice.RECOVERY_CODE_USED: "تم استخدام رمز استرداد",
            Notice.RECOVERY_CODES_RENEWED: "تم إنشاء رموز استرداد جديدة",
            Notice.PASSWORD_SET: "تم تعيين كلمة المرور",
            Notice.PASSWORD_CHANGED: "تم تغيير كلمة المرور",
            Notice.EMAIL_CHANGED: "تم تغيير عنوان بريدك الإلكتروني",
            Notice.LOGIN_AFTER_FAILURES: "تسجيل دخول بعد عدة محاولات فاشلة",
            Notice.SECOND_STEP_FAILED: "عدة رموز خاطئة بعد كلمة المرور الصحيحة",
        },
        happened={
            Notice.ENROLLED: "تم إعداد تطبيق مصادقة لحسابك. من الآن فصاعدًا سيُطلب رمزه عند كل تسجيل دخول.",
            Notice.AUTHENTICATOR_ADDED: "تمت إضافة أداة مصادقة أخرى إلى تسجيل دخولك.",
            Notice.AUTHENTICATOR_REMOVED: "تمت إزالة أداة مصادقة من تسجيل دخولك.",
            Notice.RESET: "تمت إزالة أدوات المصادقة ورموز الاسترداد الخاصة بك وإنهاء جميع جلساتك. عند تسجيل الدخول التالي ستعدّ أداة مصادقة من جديد.",
            Notice.RECOVERY_CODE_USED: "تم استخدام أحد رموز الاسترداد الخاصة بك لتسجيل الدخول. لا يمكن استخدامه مرة أخرى.",
            Notice.RECOVERY_CODES_RENEWED: "تم إنشاء رموز استرداد جديدة لتسجيل دخولك. الرموز القديمة لم تعد صالحة.",
            Notice.PASSWORD_SET: "تم تعيين كلمة مرور لتسجيل دخولك بواسطة تذكرة. تم إنهاء جميع جلساتك.",
            Notice.PASSWORD_CHANGED: "تم تغيير كلمة المرور الخاصة بتسجيل دخولك.",
            Notice.EMAIL_CHANGED: "تم تغيير عنوان البريد الإلكتروني الخاص بتسجيل دخولك. هذا آخر إشعار يُرسل إلى العنوان الذي تقرأه فيه.",
            Notice.LOGIN_AFTER_FAILURES: "سجّل شخص ما الدخول باسمك بعد خمس محاولات فاشلة على الأقل.",
            Notice.SECOND_STEP_FAILED: "أدخل شخص ما كلمة مرورك الصحيحة ثم خمسة رموز خاطئة على الأقل. لم يتمكن أحد من الدخول بها.",
        },
        account="الحساب: \u2068{account}\u2069",
        login_name="اسم الدخول: \u2068{login_name}\u2069",
        when="الوقت: \u2068{when}\u2069",
        source="من العنوان: \u2068{source}\u2069",
        by="بواسطة: \u2068{login_name}\u2069",
        by_operator="بواسطة: مشغّل الخدمة",
        nothing_to_do="إذا كنت أنت من فعل ذلك أو طلبه، فلا يلزمك فعل شيء.",
        not_you="إذا لم تكن أنت، فقد يعرف شخص آخر كلمة مرورك أو يكون هاتفك معه. غيّر كلمة المرور إن كان ذلك لا يزال ممكنًا، واطلب المساعدة فورًا:",
        ask_admin="اسأل أحد مسؤولي حسابك.",
        automatic="أُرسلت هذه الرسالة تلقائيًا. وهي لا تطلب منك أبدًا كلمة مرور أو رمزًا.",
    ),
}
