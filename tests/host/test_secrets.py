"""Credentials: where they come from, who may read them, and that they are never shown."""

import copy
import logging
import os
import pickle
import re
from pathlib import Path

import pytest

from ctosd.host.config.mistakes import ConfigMistakes
from ctosd.host.secrets import FIELDS, Secret, read

REAL = {"okx/main": True}


def accounts_file(folder, text, mode=0o600):
    file = folder / "accounts.yaml"
    file.write_text(text)
    file.chmod(mode)
    return file


def refusals(accounts, folder, environ=None):
    with pytest.raises(ConfigMistakes) as caught:
        read(accounts, folder, environ or {})
    return [str(mistake).replace(f"{folder}/", "") for mistake in caught.value.mistakes]


def test_a_private_file(tmp_path):
    """Every value is text as written: leading zeros and traps of YAML included."""
    accounts_file(tmp_path, "okx/main:\n  api_key: 00123\n  api_secret: no\n  passphrase: 12:30\n")
    found = read(REAL, tmp_path, {})
    assert found.accounts == {"okx/main": {"api_key": "00123", "api_secret": "no", "passphrase": "12:30"}}
    assert found.origins == {"okx/main": str(tmp_path / "accounts.yaml")}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o700])
def test_a_file_that_is_open_to_others_is_refused(tmp_path, mode):
    """With the command that closes it; nothing of it was read."""
    accounts_file(tmp_path, "okx/main: {api_key: S3cret, api_secret: S3cret}\n", mode)
    found = refusals(REAL, tmp_path)
    assert found == [
        f"accounts.yaml: holds secrets and is open to others (mode {mode:04o}): run chmod 600 accounts.yaml"
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_is_refused(tmp_path):
    """Who owns it can change it."""
    os.chown(accounts_file(tmp_path, "okx/main: {api_key: x}\n"), 12345, -1)
    (found,) = refusals(REAL, tmp_path)
    assert found.startswith("accounts.yaml: holds secrets but belongs to uid 12345, not to this user (uid 0): chown it")


def test_a_link_is_judged_by_what_it_leads_to(tmp_path):
    """A link into a private place is as good as that place."""
    (tmp_path / "vault").mkdir()
    file = accounts_file(tmp_path / "vault", "okx/main: {api_key: x}\n")
    (tmp_path / "accounts.yaml").symlink_to(file)
    assert read(REAL, tmp_path, {}).accounts["okx/main"] == {"api_key": "x"}
    file.chmod(0o644)
    assert "open to others" in refusals(REAL, tmp_path)[0]


def test_systemd_s_credentials_come_first(tmp_path):
    """A whole file, or one file a field; the file beside the configuration is not even looked at then."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    accounts_file(tmp_path, "okx/main: {api_key: beside}\n", 0o644)
    (credentials / "accounts").write_text("okx/main: {api_key: given}\n")
    environ = {"CREDENTIALS_DIRECTORY": str(credentials), "CTOS_OKX_MAIN_API_KEY": "environment"}
    assert read(REAL, tmp_path, environ).accounts["okx/main"] == {"api_key": "given"}
    (credentials / "okx-main.api_key").write_text("field\n")
    (credentials / "okx-main.private_key").write_text("-----BEGIN\nabc\n-----END\n")
    found = read(REAL, tmp_path, environ)
    assert found.accounts["okx/main"] == {"api_key": "field", "private_key": "-----BEGIN\nabc\n-----END"}
    assert found.origins["okx/main"] == str(credentials)


def test_the_environment_comes_last(tmp_path):
    """One variable a field; the source that knows an account gives all of its fields."""
    environ = {
        "CTOS_OKX_MAIN_API_KEY": "k",
        "CTOS_OKX_MAIN_API_SECRET": "s",
        "CTOS_OKX_SUB_2_API_KEY": "t",
        "CTOS_VAR": "/x",
    }
    found = read({"okx/main": True, "okx/sub-2": True}, tmp_path, environ)
    assert found.accounts == {"okx/main": {"api_key": "k", "api_secret": "s"}, "okx/sub-2": {"api_key": "t"}}
    accounts_file(tmp_path, "okx/main: {api_key: file}\n")
    assert read(REAL, tmp_path, environ).accounts["okx/main"] == {"api_key": "file"}


def test_simulated_accounts_need_none(tmp_path):
    """And are not disturbed by a file that they could not read anyway."""
    assert read({"paper/main": False}, tmp_path, {}).accounts == {"paper/main": {}}


def test_a_real_account_without_credentials(tmp_path):
    """All three ways of giving them are named."""
    (found,) = refusals(REAL, tmp_path)
    assert found.startswith(
        "accounts.yaml: okx/main has no credentials: write them here (mode 0600; see accounts.example.yaml)"
    )
    assert "CTOS_OKX_MAIN_API_KEY" in found
    assert "okx-main.api_key" in found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "okx/main: {api_kee: S3cret}\n",
            'accounts.yaml:1: okx/main: there is no field "api_kee" (did you mean "api_key"?)',
        ),
        (
            "okx/main:\n  api_key:\n",
            "accounts.yaml:2: okx/main: api_key is empty: the key's public part, as the venue shows it",
        ),
        (
            "okx/main: {api_key: S3 cret}\n",
            "accounts.yaml:1: okx/main: api_key holds a space or a line break: copy it again",
        ),
        (
            "okx/main: {api_key: S3cr\u00e9t}\n",
            "accounts.yaml:1: okx/main: api_key holds a character that no key has: copy it again",
        ),
        ("okx/main: {api_key: [S3cret]}\n", "accounts.yaml:1: okx/main: api_key is empty"),
        (
            "okx/main: S3cret\n",
            "accounts.yaml:1: okx/main must hold fields: api_key, api_secret, passphrase, private_key",
        ),
        ("okx/main: {api_key: S3cret}\nokx/main: {}\n", 'accounts.yaml:2: "okx/main" is here a second time'),
        ("- S3cret\n", "accounts.yaml:1: write accounts and their fields, as in accounts.example.yaml"),
        ("okx/main: {api_key: &S3cret x}\n", "accounts.yaml:1: this is an anchor"),
        ("okx/main:\n\tapi_key: S3cret\n", "accounts.yaml:2: a tab is used to indent: use spaces"),
    ],
)
def test_mistakes_never_quote_a_secret(tmp_path, text, message):
    """Place and remedy, and not a letter of the value."""
    accounts_file(tmp_path, text)
    found = refusals(REAL, tmp_path)
    assert found[0].startswith(message)
    assert "S3" not in "".join(found)


def test_an_account_that_is_not_configured_is_doubtful(tmp_path):
    """It may be a slip: the nearest name is proposed, and nothing stops."""
    accounts_file(tmp_path, "okx/mian: {api_key: x}\n")
    found = read({"okx/main": False}, tmp_path, {})
    assert [warning.message for warning in found.warnings] == [
        'okx/mian is not an account of the configuration (did you mean "okx/main"?)'
    ]


def test_two_accounts_with_one_variable(tmp_path):
    """Rather none than the wrong one."""
    accounts = {"okx/a-b": True, "okx-a/b": True}
    assert "could mean okx/a-b or okx-a/b" in refusals(accounts, tmp_path, {"CTOS_OKX_A_B_API_KEY": "x"})[0]


def test_a_secret_does_not_print(caplog):
    """Not by str, repr, format, in containers, in logs or in a pickle; for signing it is the text that it is."""
    secret = Secret("S3cret")
    shown = f"{secret} {secret!r} {secret:>10} {[secret]} { ({'k': secret}) } %s {secret!s}" % secret
    assert "S3cret" not in shown
    with caplog.at_level(logging.INFO):
        logging.getLogger("t").info("key %s", secret)
    assert "S3cret" not in caplog.text
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert copy.deepcopy({"k": secret})["k"] is secret
    assert (secret.encode(), secret.reveal(), "" + secret) == (b"S3cret", "S3cret", "S3cret")
    assert type(secret.reveal()) is str


def test_the_example_is_right(tmp_path):
    """What we ship as an example is read without a mistake, and shows only known fields."""
    text = (Path(__file__).parents[2] / "etc" / "accounts.example.yaml").read_text()
    accounts_file(tmp_path, text)
    assert set(read(REAL, tmp_path, {}).accounts["okx/main"]) <= set(FIELDS)
    commented = re.sub("(?m)^# ?", "", text[text.index("# binance/main") :])
    accounts_file(tmp_path, commented)
    found = read({"binance/main": True, "backpack/main": True}, tmp_path, {})
    assert set(found.accounts["binance/main"]) == {"api_key", "private_key"}
