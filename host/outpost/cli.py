"""The `outpost` command; each subcommand has its own file."""

import click

from outpost.config.command import config
from outpost.dashboard.command import dashboard
from outpost.deploy import deploy
from outpost.doctor import doctor
from outpost.explain import explain
from outpost.metrics.command import metrics
from outpost.push.command import push
from outpost.sim.command import sim
from outpost.site.command import site
from outpost.status.command import status
from outpost.watch.command import watch


@click.group()
def main() -> None:
    """Try, deploy, update and watch Outpost boards."""


main.add_command(config)
main.add_command(dashboard)
main.add_command(deploy)
main.add_command(doctor)
main.add_command(explain)
main.add_command(metrics)
main.add_command(push)
main.add_command(sim)
main.add_command(site)
main.add_command(status)
main.add_command(watch)
