"""The arguments of `sightline add`."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `sightline add` its two commands."""
    kinds = parser.add_subparsers(required=True, dest="add", metavar="dataset|model")
    dataset = kinds.add_parser("dataset", help="a folder of images with a subfolder for each class")
    dataset.add_argument("name", help="small letters, digits and hyphens")
    dataset.add_argument("source", help="a folder, a tar, a zip, or the https URL of one")
    dataset.add_argument("--size", type=int, default=64, help="pixels of the squares; 64")
    dataset.add_argument("--channels", type=int, default=3, help="3 for colours, 1 for grey; 3")
    dataset.add_argument("--note", help="a line that says what the data is")
    dataset.add_argument("--terms", default="ours", help="the terms of use")
    model = kinds.add_parser("model", help="a network that is trained on a dataset")
    model.add_argument("name", help="small letters, digits and hyphens")
    model.add_argument("--dataset", required=True, help="a dataset in params.yaml")
    model.add_argument("--network", required=True, help="cnn, resnet, mlp, lstm, ...")
    model.add_argument("--task", default="classify", help="classify where it is left out")
    model.add_argument("--recipe", help="one made for the number of images where it is left out")
