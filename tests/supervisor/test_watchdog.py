"""The supervisor feeds the watchdog only while the critical services are looked after."""


class TestWatchdog:
    """It is fed while the critical services are looked after, and only then."""

    def test_while_all_is_well(self, supervised):
        assert (
            supervised("""
let_time_fly()
dog = Dog()
supervise([Works("ftp", critical=True)], lambda: len(delays) >= 10, watchdog=dog)
answer(dog.fed)
""")
            >= 10
        )

    def test_while_a_critical_service_is_being_restarted(self, supervised):
        assert (
            supervised("""
let_time_fly()
dog = Dog()
supervise([Fails("ftp", 5, critical=True)], lambda: runs("ftp") == 6, watchdog=dog)
answer(dog.fed)
""")
            >= 5
        )

    def test_not_once_a_critical_service_is_lost(self, supervised):
        fed, beats = supervised("""
let_time_fly()
dog = Dog()
service = Fails("ftp", 1, critical=True, restart="no")
supervisor = Supervisor([service, Works("a")], status, events, uptime, watchdog=dog)


async def main():
    running = asyncio.create_task(supervisor.run())
    while status.section("ftp").get("state") != "failed":
        await _sleep_ms(2)
    await _sleep_ms(10)
    before, beats = dog.fed, len(delays)
    while len(delays) < beats + 10:
        await _sleep_ms(2)
    answer([dog.fed - before, len(delays) - beats])
    supervisor.stop("test")
    await running


asyncio.run(main())
""")

        assert fed == 0
        assert beats >= 10

    def test_one_that_finished_well_is_not_missed(self, supervised):
        assert (
            supervised("""
let_time_fly()
dog = Dog()
service = Fails("once", 1, critical=True, restart="on-failure", error=None)
supervise([service, Works("a")], lambda: len(delays) >= 10, watchdog=dog)
answer(dog.fed)
""")
            >= 10
        )

    def test_a_loop_that_is_held_feeds_nobody(self, supervised):
        assert (
            supervised("""
dog = Dog()


class Hogs(Works):
    async def run(self):
        await asyncio.sleep_ms(1100)
        before = dog.fed
        time.sleep_ms(2500)
        told.append(["fed meanwhile", dog.fed - before])


supervise([Hogs("a")], lambda: any(e[0] == "fed meanwhile" for e in told), ms=6000, watchdog=dog)
answer([e[1] for e in told if e[0] == "fed meanwhile"][0])
""")
            == 0
        )


def test_a_flash_that_cannot_be_measured_does_not_starve_the_watchdog(supervised):
    fed = supervised("""
let_time_fly()


def broken():
    raise OSError(5)


dog = Dog()
supervise([Works("a")], lambda: len(delays) > 5, flash=broken, watchdog=dog)
answer(dog.fed)
""")

    assert fed >= 5
