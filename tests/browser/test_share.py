"""A run leaves one browser as a zip and comes in again, in the other language too; a bad zip is explained."""

import shutil
import zipfile

from core.runs import SHIPPED, find_run


def test_a_run_is_exported_and_imported(visitor, checkpoints, tmp_path):
    visit = visitor().go("/train")
    with visit.page.expect_download() as download:
        visit.key(f"export-list-{SHIPPED[0]}").locator("button:visible").first.click()
    zipped = tmp_path / download.value.suggested_filename
    download.value.save_as(zipped)
    assert zipped.name == f"{SHIPPED[0]}.zip"
    with zipfile.ZipFile(zipped) as archive:
        assert archive.testzip() is None

    visit = visitor("zh-CN").go("/train")
    visit.page.get_by_text("从 zip 导入运行").click()
    visit.settle()
    upload = visit.page.locator('[data-testid="stFileUploader"] input[type=file]')
    upload.set_input_files([{"name": "photo.zip", "mimeType": "application/zip", "buffer": b"not a zip"}])
    visit.wait_for_text("没有导入 photo.zip")
    upload.set_input_files(zipped)
    visit.wait_for_text("已导入")
    visit.settle()
    run = find_run(f"{SHIPPED[0]}-1", checkpoints)
    assert run.weights.read_bytes() == find_run(SHIPPED[0], checkpoints).weights.read_bytes()
    assert run.name in visit.key("panel").inner_text()
    shutil.rmtree(run.folder)
