import pytest

from support.quantized import blob_data


@pytest.fixture(scope="session")
def data():
    return blob_data()
