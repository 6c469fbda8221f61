"""Commands: results on stdout, the rest on stderr, an exit code that scripts can use."""

import dataclasses
import errno
import json
import logging
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import typer

from conftest import TrainSmall
from factories import clean_frame, make_prepared
from lesionlab.auditing.evidence import Evidence
from lesionlab.auditing.registry import CHECKS
from lesionlab.cli.main import app, main
from lesionlab.cli.training import describe_training
from lesionlab.core.errors import InputError
from lesionlab.core.terms import RESEARCH_USE
from lesionlab.dataset.building import PrepareSettings, prepare
from lesionlab.dataset.prepared import PreparedData
from lesionlab.inference.bundle import ModelBundle
from lesionlab.phantoms.faults import FAULTS
from lesionlab.recipes import RECIPES, find_recipe
from lesionlab.training.fit import train

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


@dataclasses.dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: object
    out: str
    err: str

    @property
    def last(self) -> str:
        return self.out.splitlines()[-1]


@pytest.fixture
def run_cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["lesionlab", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return Done(stop.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def run_folder(train_small: TrainSmall, tmp_path: Path) -> Path:
    shutil.copytree(train_small("metadata_linear"), tmp_path / "run")
    return tmp_path / "run"


def break_command(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make `lesionlab phantom` raise `error`."""
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("lesionlab.phantoms.making.phantom", fail)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_that_parses(name: str, run_cli) -> None:
    done = run_cli(name, "--help")
    assert done.code == 0
    command, *arguments = shlex.split(COMMANDS[name].epilog or "")[1:]
    assert (command, arguments[0]) == ("lesionlab", name)
    text = " ".join(done.out.split())
    assert " ".join((COMMANDS[name].epilog or "").split()) in text
    group = typer.main.get_command(app)
    group.commands[name].make_context(name, arguments[1:])  # type: ignore[attr-defined]


def test_help_lists_every_command_and_the_notice(run_cli) -> None:
    done = run_cli("--help")
    assert (done.code, done.err) == (0, "")
    assert [name for name in COMMANDS if f"  {name} " not in done.out] == []
    assert RESEARCH_USE in " ".join(done.out.split())


def test_the_version_is_printed(run_cli) -> None:
    done = run_cli("--version")
    assert (done.code, done.out) == (0, "0.1.0\n")


def test_only_images_of_the_licences_that_are_named_are_prepared(
    run_cli, phantom_folder: Path, tmp_path: Path
) -> None:
    arguments = ("prepare", phantom_folder, "--out", tmp_path / "data", "--workers", 1)
    done = run_cli(*arguments, "--licence", "CC-BY,CC-BYE")
    num_images = len(list((phantom_folder / "images").iterdir()))
    assert (done.code, done.out, done.err) == (2, "", (
        f"error: --licence CC-BYE: no such licence; this cohort has CC-0 ({num_images})\n"))
    done = run_cli(*arguments, "--licence", "CC0,CC BY 4.0")
    assert (done.code, done.err) == (0, "")
    assert "licences: CC-0 159" in done.out.splitlines()


@pytest.mark.slow
def test_the_whole_path_ends_each_step_with_the_next(run_cli, tmp_path: Path) -> None:
    cohort, data, runs = tmp_path / "cohort", tmp_path / "data", tmp_path / "runs"
    done = run_cli("phantom", cohort, "--patients", 45, "--seed", 2)
    assert (done.code, done.err) == (0, "")
    assert done.last == f"wrote {cohort}; next: lesionlab prepare {cohort} --out DATA"

    done = run_cli("prepare", cohort, "--out", data, "--size", 64, "--workers", 1)
    assert (done.code, done.last) == (0, f"wrote {data}; next: lesionlab audit {data}")

    done = run_cli("audit", data)
    assert (done.code, done.last) == (0, (
        f"wrote {data / 'audit.json'} and audit.html; next: lesionlab train {data} --recipe "
        "image_frozen --out RUN"))

    for name in ("metadata_linear", "prevalence"):
        done = run_cli("train", data, "--recipe", name, "--out", runs / name)
        assert (done.code, done.last) == (0, (
            f"wrote {runs / name}; next: lesionlab evaluate {runs / name}"))
        done = run_cli("evaluate", runs / name)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("AUROC ")
        assert done.last.startswith(f"wrote {runs / name / 'report' / 'report.html'} and "
                                    "report.json; ")

    done = run_cli("compare", runs / "prevalence", runs / "metadata_linear")
    assert done.code == 0
    assert done.out.index("metadata_linear") < done.out.index("prevalence")
    assert done.last == (
        f"next: open {runs / 'metadata_linear' / 'report' / 'report.html'}")


def test_json_alone_is_on_stdout(run_cli, run_folder: Path, prepared: PreparedData,
                                 phantom_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(prepared.folder, tmp_path / "data")
    report = run_cli("evaluate", run_folder, "--json")
    assert json.loads(report.out)["role"] == "test"
    shutil.copytree(run_folder, tmp_path / "other")
    for arguments in (
        ("recipes",), ("recipes", "image_frozen"), ("audit", tmp_path / "data"),
        ("train", prepared.folder, "--recipe", "prevalence", "--out", tmp_path / "new"),
        ("train", prepared.folder, "--recipe", "metadata_boosting", "--out", tmp_path / "trees"),
        ("compare", run_folder, tmp_path / "other"),
        ("predict", run_folder, phantom_folder / "images"),
        ("prepare", phantom_folder, "--out", tmp_path / "again", "--workers", 1),
    ):
        done = run_cli(*arguments, "--json")
        assert done.code == 0, arguments
        assert json.loads(done.out), arguments


@pytest.mark.slow
def test_a_leaderboard_is_written_where_that_was_asked(
    run_cli, run_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(run_folder, tmp_path / "other")
    for folder in (run_folder, tmp_path / "other"):
        assert run_cli("evaluate", folder).code == 0
    out = tmp_path / "leaderboard"
    done = run_cli("compare", run_folder, tmp_path / "other", "--out", out, "--reference", "run")
    assert (done.code, done.err) == (0, "")
    assert done.last == (f"wrote {out / 'leaderboard.html'}, leaderboard.json and "
                         f"leaderboard.csv; {RESEARCH_USE}")
    assert sorted(path.name for path in out.iterdir()) == [
        "leaderboard.csv", "leaderboard.html", "leaderboard.json"]
    written = json.loads((out / "leaderboard.json").read_text())["leaderboards"][0]
    assert written["reference"] == "run"
    done = run_cli("compare", run_folder, tmp_path / "other", "--reference", "rum")
    assert (done.code, done.err) == (2, (
        "error: no model to compare with is called 'rum'; there are other, run\n"))


@pytest.mark.slow
def test_a_study_says_what_failed_and_writes_the_rest(
    run_cli, prepared: PreparedData, tmp_path: Path
) -> None:
    out = tmp_path / "study"
    arguments = ("study", prepared.folder, "--out", out, "--recipe", "prevalence",
                 "--recipe", "metadata_linear")
    done = run_cli(*arguments, "--set", "metadata_linear:metadata.columns=personal_hx_mm")
    assert (done.code, done.last) == (1, (
        f"wrote {out / 'leaderboard' / 'leaderboard.html'}"))
    assert "\nfailed: metadata_linear: personal_hx_mm: no image of the train role " in done.out
    assert "[2/2] metadata_linear: failed, " in done.err
    assert (out / "leaderboard" / "leaderboard.html").is_file()
    done = run_cli(*arguments, "--json")
    assert done.code == 0
    found = json.loads(done.out)
    assert found["failures"] == {}
    assert [row["name"] for row in found["leaderboards"][0]["rows"]] == [
        "metadata_linear", "prevalence"]


@pytest.mark.slow
def test_folds_end_in_an_ensemble_that_can_be_evaluated(
    run_cli, prepared: PreparedData, tmp_path: Path
) -> None:
    out = tmp_path / "folds"
    arguments = ("train", prepared.folder, "--recipe", "prevalence", "--out", out, "--folds", 3)
    done = run_cli(*arguments)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("AUROC of 3 folds: mean 0.500, standard deviation 0.000, ")
    assert done.last == f"wrote {out}; next: lesionlab evaluate {out / 'ensemble'}"
    assert len(json.loads(run_cli(*arguments, "--json").out)["folds"]) == 3
    assert run_cli("evaluate", out / "ensemble").code == 0


@pytest.mark.slow
def test_runs_become_an_ensemble(run_cli, run_folder: Path, prepared: PreparedData,
                                 train_small: TrainSmall, tmp_path: Path) -> None:
    out = tmp_path / "average"
    members = f"{run_folder},{train_small('prevalence')}"
    done = run_cli("train", prepared.folder, "--recipe", "ensemble", "--set",
                   f"model.members={members}", "--out", out)
    assert (done.code, done.last) == (0, f"wrote {out}; next: lesionlab evaluate {out}")
    assert done.out.startswith("recipe ensemble, ")
    assert "bundle agrees with the mean of its members to " in done.out
    assert done.err.startswith("note: The thresholds are chosen on the ")


@pytest.mark.slow
def test_another_cohort_is_an_external_test(run_cli, run_folder: Path, tmp_path: Path) -> None:
    assert run_cli("phantom", tmp_path / "c", "--patients", 20, "--seed", 9).code == 0
    assert run_cli("prepare", tmp_path / "c", "--out", tmp_path / "elsewhere", "--size", 64,
                   "--workers", 1).code == 0
    done = run_cli("evaluate", run_folder, "--data", tmp_path / "elsewhere")
    assert (done.code, done.err) == (0, "")
    assert "\nnote: external test on " in done.out
    assert done.last == (f"wrote {run_folder / 'report_external_elsewhere' / 'report.html'} and "
                         f"report.json; {RESEARCH_USE}")


@pytest.mark.slow
def test_a_cache_that_would_grow_beyond_its_limit_exits_2(
    run_cli, prepared: PreparedData, cache: Path, tmp_path: Path
) -> None:
    done = run_cli("train", prepared.folder, "--recipe", "finetuned", "--out", tmp_path / "run",
                   "--set", "image.size_px=64", "--cache", cache, "--cache-limit", 0.001)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(
        "error: the frozen stages of tf_efficientnet_lite0 would take 0.0 GB in the cache, "
        "allowed are 0.0 GB; raise --cache-limit, ")


def test_of_several_processes_one_speaks(run_cli, prepared: PreparedData, tmp_path: Path,
                                         monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("train", prepared.folder, "--recipe", "prevalence", "--out", tmp_path / "run")
    assert run_cli(*arguments).last.startswith("wrote ")
    monkeypatch.setenv("RANK", "1")
    done = run_cli(*arguments)
    assert (done.code, done.out, done.err) == (0, "", "")


@pytest.mark.parametrize(("summary", "text"), [
    ({"num_features": 9, "num_parameters": 1234567, "computed": {"num_train": 5}},
     "9 features, 1,234,567 parameters, temperature 1.25; head 0.5 s"),
    ({"num_features": 0, "num_parameters": 20, "computed": {
        "precision": "bfloat16", "device": "cuda:0"}},
     "20 parameters, temperature 1.25, bfloat16 on cuda:0; head 0.5 s"),
    ({"num_parameters": None}, "temperature 1.25; head 0.5 s"),
])
def test_a_training_is_described_by_what_it_has(summary: dict, text: str) -> None:
    assert describe_training(summary | {"temperature": 1.25, "seconds": {"head": 0.5}}) == text


def test_what_the_package_logs_is_a_note(run_cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def log(*_: object, **__: object) -> None:
        logging.getLogger("lesionlab.training.prefix").info("it takes %.1f GB", 2)
        raise InputError("enough")

    monkeypatch.setattr("lesionlab.phantoms.making.phantom", log)
    assert run_cli("phantom", "x").err == "note: it takes 2.0 GB\nerror: enough\n"


def test_recipes_are_listed_and_shown_whole(run_cli) -> None:
    done = run_cli("recipes")
    assert [line.split()[0] for line in done.out.splitlines()[:-1]] == list(RECIPES)
    assert done.last == ("next: lesionlab recipes NAME, or lesionlab train DATA --recipe NAME "
                         "--out RUN")
    assert json.loads(run_cli("recipes", "image_frozen").out) == find_recipe(
        "image_frozen").to_dict()


@pytest.mark.parametrize(("arguments", "message"), [
    (("train", "{data}", "--recipe", "image_frzen", "--out", "x"),
     "no recipe 'image_frzen'; did you mean 'image_frozen'?"),
    (("train", "{data}", "--recipe", "prevalence", "--out", "x", "--set", "fit.l3=1"),
     "--set fit.l3=1: no setting 'fit.l3'; did you mean 'fit.l2'?"),
    (("train", "none", "--recipe", "prevalence", "--out", "x"),
     ("none is not a prepared folder: it has no manifest.json; make one with: "
      "lesionlab prepare SOURCE --out none")),
    (("evaluate", "none"), "none is not a file; give a .csv or .parquet file of predictions"),
    (("evaluate", "{data}"),
     ("{data} is not a run: it has no training.json; make one with: lesionlab train DATA "
      "--recipe R --out {data}")),
    (("audit", "{data}", "--fail-on", "error"), "--fail-on error: choose issue or tip"),
    (("audit", "{data}", "--skip", "LL403", "--skip", "LL106", "--reason", "known"),
     ("--skip is given 2 times and --reason 1 times; each check left out needs its reason: "
      '--skip LL403 --reason "..."')),
    (("audit", "{data}", "--skip", "LL403", "--reason", "a", "--skip", "LL403", "--reason", "b"),
     "--skip LL403 is given more than once"),
    (("audit", "{data}", "--skip", "LL403", "--reason", ""),
     'no reason is given to skip LL403; say why: --skip LL403 --reason "..."'),
    (("audit", "{data}", "--skip", "403", "--reason", "known"),
     f"there is no check 403 to skip; the codes are {', '.join(CHECKS)}"),
    (("train", "{data}", "--recipe", "ensemble", "--out", "x"),
     "an ensemble needs two or more runs, got 0; name them by --set model.members=RUN,RUN"),
    (("train", "{data}", "--recipe", "stack_boosting", "--out", "x", "--folds", "3"),
     "--folds with a stack: it has folds of its own inside; leave --folds out"),
    (("study", "{data}", "--out", "x", "--suite", "orginal"),
     "--suite orginal: choose original or strong"),
    (("study", "{data}", "--out", "x"),
     "nothing to study: name a suite, original or strong, or recipes"),
    (("compare", "{data}"), "compare needs two or more runs"),
    (("predict", "{data}", "x.jpg"),
     ("{data}/manifest.json is damaged: its content does not match its own digest; "
      "copy the bundle again")),
    (("prepare", "{data}/split.parquet", "--out", "x", "--label-column", "a"),
     "--id-column is missing; a table of your own needs it"),
])
def test_the_users_error_is_one_message_without_traceback(
    arguments: tuple[str, ...], message: str, run_cli, prepared: PreparedData,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    filled = [text.format(data=prepared.folder) for text in arguments]
    if arguments[:2] == ("evaluate", "none"):
        filled += ["--data", str(prepared.folder)]
    done = run_cli(*filled)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"error: {message.format(data=prepared.folder)}\n"
    assert list(tmp_path.iterdir()) == []


def test_the_faults_of_a_phantom_are_listed(run_cli) -> None:
    done = run_cli("phantom", "--list-faults")
    assert (done.code, done.err) == (0, "")
    assert [line.split()[0] for line in done.out.splitlines()] == list(FAULTS)


@pytest.mark.parametrize("arguments", [("trian",), ("train",), ("phantom", "x", "--patients", "y"),
                                       ("phantom", "x", "--patients", "0")])
def test_a_command_line_that_does_not_parse_exits_2(arguments: tuple[str, ...], run_cli) -> None:
    done = run_cli(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "Usage: lesionlab" in done.err
    assert "Traceback" not in done.err


def test_ids_that_do_not_fit_exit_2(run_cli, prepared: PreparedData, tmp_path: Path) -> None:
    ids = list(prepared.rows("test").index)
    table = tmp_path / "p.csv"
    rows = [*ids[1:], ids[3], "zz"]
    pd.DataFrame({"isic_id": rows, "Malignant": 0.5}).to_csv(table, index=False)
    done = run_cli("evaluate", table, "--data", prepared.folder)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"error: {table} cannot be joined to the {len(ids)} images of role 'test'; give each of "
        f"them one row:\n  - 1 ids stand in more than one row: {ids[3]}\n"
        f"  - 1 images of role 'test' have no row: {ids[0]}\n"
        "  - 1 ids are not images of role 'test': zz\n")
    pd.DataFrame({"isic_id": ids, "Malignant": 0.5}).to_csv(table, index=False)
    done = run_cli("evaluate", table, "--data", prepared.folder)
    assert done.code == 0
    assert done.last == (f"wrote {tmp_path / 'p_report' / 'report.html'} and report.json; "
                         f"{RESEARCH_USE}")


def test_a_check_that_is_left_out_is_printed_with_its_reason(
    run_cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lesionlab.auditing.report.default_cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(Evidence, "why_no_features", "No features in this test")
    make_prepared(tmp_path / "data", clean_frame(60).assign(mel_thick_mm=1.0))
    left_out = ("--skip", "LL301", "--reason", "never an input", "--skip", "LL106", "--reason", "b")
    done = run_cli("audit", tmp_path / "data", *left_out)
    assert done.code == 0
    assert done.out.splitlines()[-3:-1] == ["skipped        LL301  never an input",
                                            "skipped        LL106  b"]
    assert [line for line in done.out.splitlines()[:-3] if "LL301" in line] == []


@pytest.mark.slow
def test_findings_exit_1_where_that_was_asked(run_cli, tmp_path: Path) -> None:
    assert run_cli("phantom", tmp_path / "c", "--patients", 60, "--fault", "label-order").code == 0
    assert run_cli("prepare", tmp_path / "c", "--out", tmp_path / "d", "--size", 64,
                   "--workers", 1).code == 0
    assert run_cli("audit", tmp_path / "d").code == 0
    done = run_cli("audit", tmp_path / "d", "--fail-on", "tip")
    assert done.code == 1
    assert done.last.startswith(f"wrote {tmp_path / 'd' / 'audit.json'} and audit.html")


def test_predictions_go_to_stdout_and_notes_to_stderr(
    run_cli, run_folder: Path, phantom_folder: Path, tmp_path: Path
) -> None:
    image = min((phantom_folder / "images").iterdir())
    done = run_cli("predict", run_folder, image)
    assert done.code == 0
    assert done.out.splitlines()[0] == ("isic_id,file,p_Benign,p_Malignant,predicted,"
                                        "missing_metadata,error")
    assert len(done.out.splitlines()) == 2
    assert done.err.splitlines()[-1] == f"1 images. {RESEARCH_USE}"
    out = tmp_path / "p.parquet"
    done = run_cli("predict", run_folder / "bundle", image, "--metadata",
                   phantom_folder / "metadata.csv", "--out", out)
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines()[-1] == f"1 images; wrote {out}. {RESEARCH_USE}"
    assert pd.read_parquet(out)["isic_id"].tolist() == [image.stem]


def test_a_bad_name_for_the_table_is_said_before_the_work(
    run_cli, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(ModelBundle, "run")
    done = run_cli("predict", run_folder, ".", "--out", "p.txt")
    assert (done.code, done.err) == (2, "error: --out p.txt: end the name in .csv or .parquet\n")


@pytest.mark.slow
def test_a_bad_image_exits_1_and_the_rest_is_written(
    run_cli, train_small: TrainSmall, phantom_folder: Path, tmp_path: Path
) -> None:
    shutil.copy(min((phantom_folder / "images").iterdir()), tmp_path / "good.jpg")
    (tmp_path / "bad.jpg").write_bytes(b"")
    out = tmp_path / "p.csv"
    done = run_cli("predict", train_small("image_frozen"), tmp_path, "--out", out)
    assert (done.code, done.out) == (1, "")
    assert done.err == f"2 images, 1 with an error; wrote {out}. {RESEARCH_USE}\n"
    assert pd.read_csv(out).set_index("isic_id")["p_Benign"].isna().to_dict() == {
        "bad": True, "good": False}


def test_a_challenge_gets_its_own_table(run_cli, phantom_folder: Path, tmp_path: Path) -> None:
    data = prepare([phantom_folder], tmp_path / "data", num_workers=1,
                   settings=PrepareSettings(target="isic2018", size_px=64))
    run = train(data, find_recipe("metadata_linear"), tmp_path / "run")
    out = tmp_path / "submission.csv"
    done = run_cli("predict", run.folder, phantom_folder / "images", "--metadata",
                   phantom_folder / "metadata.csv", "--challenge", "isic2018", "--out", out)
    assert done.code == 0
    table = pd.read_csv(out)
    assert list(table) == ["image", "MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"]
    assert len(table) == len(list((phantom_folder / "images").iterdir()))
    assert table.drop(columns="image").sum(axis=1).between(0.9999, 1.0001).all()


def test_a_challenge_of_another_target_exits_2(run_cli, run_folder: Path) -> None:
    done = run_cli("predict", run_folder, ".", "--challenge", "isic2018")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "error: --challenge isic2018: the bundle predicts malignancy; train one on data of: "
        "lesionlab prepare SOURCE --out DATA --target isic2018\n")


def test_notes_of_a_training_are_on_stderr(run_cli, prepared: PreparedData,
                                           tmp_path: Path) -> None:
    done = run_cli("train", prepared.folder, "--recipe", "metadata_linear", "--out",
                   tmp_path / "run", "--set", "metadata.columns=sex,personal_hx_mm")
    assert (done.code, done.err) == (0, (
        "note: 1 columns of the recipe have no value in the train role and are not used: "
        "personal_hx_mm\n"))


def test_a_bug_exits_3_with_the_traceback(run_cli, monkeypatch: pytest.MonkeyPatch) -> None:
    break_command(monkeypatch, ZeroDivisionError("division by zero"))
    done = run_cli("phantom", "x")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("Traceback")
    assert done.err.splitlines()[-1] == (
        "this is a bug in lesionlab 0.1.0; please report it with the lines above")


def test_an_interrupt_exits_130(run_cli, monkeypatch: pytest.MonkeyPatch) -> None:
    break_command(monkeypatch, KeyboardInterrupt())
    done = run_cli("phantom", "x")
    assert (done.code, done.out, done.err) == (
        130, "", "stopped; run the same command again to go on\n")


@pytest.mark.parametrize(("error", "code", "message"), [
    (PermissionError(errno.EACCES, "Permission denied", "/out"), 2,
     "error: /out: Permission denied\n"),
    (OSError(errno.ENOSPC, "No space left on device"), 2,
     "error: writing: No space left on device\n"),
    (FileNotFoundError(errno.ENOENT, "No such file", "/out"), 3, None),
])
def test_a_full_disk_is_no_bug(
    error: OSError, code: int, message: str | None, run_cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_command(monkeypatch, error)
    done = run_cli("phantom", "x")
    assert done.code == code
    assert message is None or done.err == message


def test_the_command_is_installed() -> None:
    command = Path(sys.executable).parent / "lesionlab"
    done = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60,
                          check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0.1.0\n", "")
