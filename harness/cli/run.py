import click

@click.command()
@click.option("-k","match",multiple=True)
@click.option("--profile",multiple=True)
@click.option("--seed",type=int,default=0)
@click.option("--defect")
@click.option("--link", default="direct:")
@click.option("-n","workers",type=int,default=1)
@click.option("--out",default="hanover-report")
def run(match,profile,seed,defect,link,workers,out):
    """Run (first version)."""
    from pathlib import Path
    from harness.runner import run_suite
    from harness.suite import RunOptions, Chosen, built_in
    from harness.cli.profiles import find_profile
    chosen = tuple(Chosen(profile=find_profile(x),given=x) for x in profile) or built_in()
    o=Path(out); (o/"traces").mkdir(parents=True,exist_ok=True)
    r=run_suite(RunOptions(profiles=chosen,seed=seed,defect=defect,link=link,match=match,workers=workers,out=o))
    for x in r.results:
        click.echo(f"{x.verdict:12} {x.id}")
        if x.verdict not in ("passed",):
            click.echo(f"    {x.reason}\n    frame {x.frame}")
            if x.traceback: click.echo(x.traceback)
    for b in r.collected.broken: click.echo(b)
    click.echo(f"{len(r.results)} results")
