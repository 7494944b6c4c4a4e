"""What all tests share."""


def pytest_addoption(parser):
    parser.addoption(
        "--freeze-rates", action="store_true", help="write the frozen firing rates of tests/identical anew"
    )
