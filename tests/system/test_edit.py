"""A student changes one file and deploys while the service is asked."""

import pytest

from houses import load

pytestmark = pytest.mark.system


def test_an_edited_service_goes_live_under_load_without_a_failed_request(deployed):
    app = deployed.folder / "serving/app.py"
    original = app.read_text()
    others = {name: deployed.pid(name) for name in ("kafka", "platform", "consumer", "refresh", "evaluation")}
    marked = original.replace("def create_app(", 'EDITED = "edited by a student"\n\n\ndef create_app(', 1)
    marked = marked.replace("return app", 'app.add_url_rule("/edited", "edited", lambda: EDITED)\n    return app', 1)
    assert marked.count("EDITED") == 2
    assert deployed.get("/edited")[0] == 404
    try:
        with load(deployed) as seen:
            app.write_text(marked)
            deployed.must("make", "deploy")
            assert deployed.get("/edited") == (200, "edited by a student")
        assert seen.answered > 50
        assert seen.failures == []
        assert {name: deployed.pid(name) for name in others} == others
    finally:
        app.write_text(original)
        deployed.must("make", "deploy")


def test_a_wrong_setting_is_named_and_what_runs_goes_on(deployed):
    deployed.write_settings(SERVE_WORKERS="many")
    try:
        done = deployed.run("make", "deploy")
        assert done.returncode != 0
        assert "SERVE_WORKERS" in done.stdout + done.stderr
        assert deployed.get("/recommend/42")[0] == 200
    finally:
        deployed.write_settings(SERVE_WORKERS=2)
        deployed.must("make", "deploy")
