"""The command line: ``sleep2vec``.

Commands live in `flows.commands`, one file each, and import what they need when they run, so that ``--help``
is instant and converting needs neither Prefect nor torch.

Exit codes: 0 all well, 1 internal or disk error, 2 usage, 3 finished but some recordings failed, 4 manifest
invalid, 5 verification failed, 130 interrupted.
"""

from __future__ import annotations

import signal
import sys
import traceback
from importlib import import_module

import click

from schemas.errors import ManifestError, PsgError, StorageError

__all__ = ["cli", "main"]

OK, INTERNAL, USAGE, SOME_FAILED, BAD_MANIFEST, NOT_VERIFIED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

# Command → its one line in --help; the module of the same name holds it, but for those named in _MODULES.
_COMMANDS = {
    "demo": "Make, convert and verify three small cohorts: the whole job in minutes.",
    "synth": "Write a synthetic cohort as a download would look, with the truth beside it.",
    "scan": "Say what the files of a cohort hold and what a manifest makes of them.",
    "manifest": "Draft, check and show cohort manifests.",
    "convert": "Harmonise a cohort into verified recording stores.",
    "report": "Write pages that people look at: of an output, or of single recordings.",
    "status": "Say how the recordings of an output ended, and why.",
    "quarantine": "List recordings that failed, try them again, or leave them out for a reason.",
    "gc": "Remove what nobody needs from an output: unfinished stores, recordings whose source is gone.",
    "inspect": "Show one recording store, or the header of an EDF, BDF or WFDB file.",
    "verify": "Check every byte of an output against what was written, and against its source.",
    "catalog": "Tell what recordings there are.",
    "splits": "Say who is for training, validation and test.",
    "shards": "Build, verify and pull training shards: recordings of a split laid end to end.",
    "pretrain": "Pre-train the model: modalities of the same night find each other.",
    "finetune": "Fine-tune the model for a task on labelled nights.",
    "evaluate": "Evaluate a fine-tuned model on nights it has not seen, with any of the modalities.",
    "experiment": "Ask a question about models: a table and a figure from one command.",
    "embed": "Write what a network makes of recording stores beside them.",
    "stage": "Stage a recording store with a fine-tuned model, with confidences. Research use only.",
    "nightly": "Convert what is new and verify it: the nightly flow, once and now.",
    "serve": "Do the nightly flow on this machine whenever it is due.",
    "deploy": "Register the nightly flow with a Prefect server, for the workers of a pool.",
}
_MODULES = {"inspect": "inspection", "gc": "clearing"}  # no module bears the name of one of the standard library


class _Commands(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"flows.commands.{_MODULES.get(cmd_name, cmd_name)}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="sleep2vec", message="%(prog)s %(version)s")
def cli() -> None:
    """Overnight sleep recordings into one clean, chunked, documented store.

    Start with `sleep2vec demo`, then `sleep2vec manifest guide` for your own data.
    """


def main() -> None:
    """Run the command line and exit with its code; a polite kill ends it as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(_run())


def _run() -> int:
    try:
        result = cli.main(prog_name="sleep2vec", standalone_mode=False)
    except click.exceptions.Abort:
        return _say("interrupted; run the same command again to go on", INTERRUPTED)
    except KeyboardInterrupt:
        return _say("interrupted; run the same command again to go on", INTERRUPTED)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ManifestError as error:
        return _say(str(error), BAD_MANIFEST)
    except StorageError as error:
        return _say(str(error), INTERNAL)
    except PsgError as error:
        return _say(str(error), USAGE)
    except BrokenPipeError:
        sys.stderr.close()
        return OK
    except Exception as error:  # its text could hold anything
        traceback.print_tb(error.__traceback__)
        return _say(f"internal error ({type(error).__name__}): please report the lines above", INTERNAL)
    return result if isinstance(result, int) else OK


def _say(text: str, code: int) -> int:
    click.echo(f"sleep2vec: {text}", err=True)
    return code


if __name__ == "__main__":
    main()
