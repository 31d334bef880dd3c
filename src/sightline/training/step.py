"""A training at one of its steps: all that moves with the steps, and the step itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from sightline.images.augment import augment
from sightline.images.crop import training_view
from sightline.images.mix import mix
from sightline.images.random_numbers import RandomNumbers, generator
from sightline.models.trained import TrainedModel
from sightline.settings.recipe import Recipe
from sightline.training.average import average
from sightline.training.batches import Images, order
from sightline.training.best import Best
from sightline.training.device import Place
from sightline.training.freeze import set_training
from sightline.training.objective import Objective
from sightline.training.optim import learning_rate, optimizers


class Training:
    """A model in training. Its random numbers need no state (`sightline.images.random_numbers`)."""

    def __init__(
        self,
        trained: TrainedModel,
        train_set: Images,
        val_set: Images,
        recipe: Recipe,
        seed: int,
        place: Place,
    ):
        self.description, self.name = trained.description, trained.description["name"]
        self.network, self.task = trained.network, trained.task
        self.train_set, self.val_set = train_set, val_set
        self.recipe, self.seed, self.place = recipe, seed, place
        self.objective = Objective(trained, place)
        self.parallel = place.ranks.parallel(self.objective)
        self.batch_size = min(recipe.batch_size, len(train_set))
        self.part = place.ranks.part_of_batch(self.batch_size)
        # the last, smaller batch of an epoch is left out: another order, another remainder
        self.epoch_steps = len(train_set) // self.batch_size
        self.steps = recipe.epochs * self.epoch_steps
        self.optimizers = optimizers(self.network, recipe.optimizer)
        self.average = average(self.network, recipe)
        self.best = Best(recipe, self.task.words)
        self.totals = torch.zeros(2, device=place.device)  # of this epoch: losses, scores
        self.step, self.resumed_from, self.seconds = 0, 0, 0.0
        self.history: list[dict[str, Any]] = []  # the rows of the curve so far

    def state(self) -> dict[str, Any]:
        """Return all that a checkpoint holds."""
        return {
            "network": self.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "average": self.average.values if self.average else None,
            "best": self.best.state(),
            "totals": self.totals,
            "step": self.step,
            "seconds": self.seconds,
            "history": self.history,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on where a checkpoint stands."""
        self.network.load_state_dict(state["network"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        if self.average:
            self.average.values = {k: v.to(self.place.device) for k, v in state["average"].items()}
        self.best.load(state["best"])
        self.totals = state["totals"].to(self.place.device)
        self.step = self.resumed_from = state["step"]
        self.seconds, self.history = state["seconds"], state["history"]

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Make the network ready for an epoch; yield the batches that are left of it.

        Of each, this rank's part: index, images and labels.
        """
        if set_training(self.network, self.recipe, epoch):
            self.parallel = self.place.ranks.parallel(self.objective)
        visits = order(len(self.train_set), self.seed, epoch)
        starts = range(self.step % self.epoch_steps, self.epoch_steps)
        indices = (visits.narrow(0, at * self.batch_size, self.batch_size) for at in starts)
        yield from self.train_set.batches(index[self.part] for index in indices)

    def take_step(self, index: Tensor, images: Tensor, labels: Tensor, epoch: int) -> None:
        """Move the weights against the gradient of the loss on the images, which are at `index`."""
        recipe, ranks = self.recipe, self.place.ranks
        extents = self.train_set.extents
        extents = None if extents is None else extents[index]
        images = training_view(images, extents, recipe, epoch, self.random_numbers("crop"))
        images = augment(
            images, index, recipe.augment, self.random_numbers("augment"), self.seed, epoch
        )
        images, targets = self.task.pose(images, labels, self.random_numbers("pose"))
        if (changes := recipe.augment).mixes:
            draws, classes = self.random_numbers("mix"), self.description["outputs"]
            images, targets = mix(images, targets, classes, changes.mixup, changes.cutmix, draws)
        torch.manual_seed(generator(self.seed, "dropout", self.step).initial_seed() + ranks.rank)
        self.network.zero_grad(set_to_none=True)
        seen = self.gradients(images, targets, self.lengths(images))
        if recipe.clip_norm:
            nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip_norm)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(recipe.schedule, group["peak"], self.step, self.steps)
            optimizer.step()
        self.step += 1
        if self.average:
            self.average.update(self.network, self.step, self.steps)
        self.totals += ranks.sum(seen)

    def gradients(self, images: Tensor, targets: Tensor, lengths: Tensor | None) -> Tensor:
        """Add up the gradients of this rank's part of the batch, in `accumulate` parts.

        Returns its share of the batch's mean loss and mean score.
        """
        ranks, seen = self.place.ranks, []
        count = min(self.recipe.accumulate, len(images))
        all_lengths = [None] * count if lengths is None else lengths.tensor_split(count)
        parts = zip(
            images.tensor_split(count), targets.tensor_split(count), all_lengths, strict=True
        )
        for number, (shown, their_targets, their_lengths) in enumerate(parts, 1):
            share = len(shown) / self.batch_size
            with ranks.exchange(self.parallel, number == count):
                loss, scores = self.parallel(
                    shown, their_targets, their_lengths, self.recipe.label_smoothing
                )
                (loss * (share * ranks.count)).backward()  # the ranks' mean is the batch's
            seen.append(torch.stack([loss.detach(), scores.mean()]) * share)
        return sum(seen[1:], seen[0])

    def random_numbers(self, purpose: str) -> RandomNumbers:
        """Return what is random about the images of this step's batch, of this rank's part."""
        return RandomNumbers(generator(self.seed, purpose, self.step), self.batch_size, self.part)

    def lengths(self, images: Tensor) -> Tensor | None:
        """Return how many steps of each training image are shown; None: all of all."""
        least = self.recipe.min_rows
        if not least:
            return None
        rows = self.random_numbers("rows").integers(least, images.shape[1])
        return (rows * self.network.steps_per_row).to(self.place.device, non_blocking=True)

    def learning_rate(self) -> float:
        """Return the learning rate of the step just taken."""
        return self.optimizers[0].param_groups[0]["lr"]

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Give the network its averaged weights meanwhile, where there are such."""
        if not self.average:
            yield
            return
        weights = {key: value.clone() for key, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.average.values)
        yield
        self.network.load_state_dict(weights)

    def weights(self) -> dict[str, Tensor]:
        """Return what has been learned, on the CPU; of the best epoch where that is kept."""
        return self.best.weights or self.newest_weights()

    def newest_weights(self) -> dict[str, Tensor]:
        """Return the weights of the step just taken, averaged where they are, on the CPU."""
        values = self.average.values if self.average else self.network.state_dict()
        return {key: value.detach().cpu().contiguous() for key, value in values.items()}
