"""What is killed, shared, full or read-only takes its time."""


def pytest_itemcollected(item):
    item.add_marker("slow")
