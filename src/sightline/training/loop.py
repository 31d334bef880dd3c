"""The training loop: one for every model. It reads from top to bottom."""

import logging
import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import torch
from torch import Tensor, nn

from sightline import tasks
from sightline.data.arrays import load_meta, load_split
from sightline.errors import SightlineError
from sightline.images.augment import augment
from sightline.images.draws import Draws, generator, seed_weights
from sightline.layout import Layout
from sightline.models.check import mistake
from sightline.models.trained import TrainedModel
from sightline.networks.layers import normalise
from sightline.settings.params import Compute, Model
from sightline.settings.recipe import Recipe
from sightline.training import checkpoint
from sightline.training.average import average
from sightline.training.batches import Images, order
from sightline.training.device import Place, choose, processor_name
from sightline.training.optim import learning_rate, optimizers
from sightline.training.results import describe, leave

logger = logging.getLogger(__name__)

CHECK_EVERY = 20  # steps between looks at the loss: each look makes a GPU wait for the CPU
PREPARED_ON = 1000  # images that a network sees before the first step


def train(
    name: str,
    model: Model,
    recipe: Recipe,
    compute: Compute,
    layout: Layout,
    progress: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> None:
    """Train one model and leave weights.pt, model.json, epochs.csv and timing.json.

    `progress` is told step, steps and the mean loss of the epoch. A run that was killed goes on
    from its last checkpoint, to the same bits on the CPU.
    Raises SightlineError where the loss is no number, the data is missing, or there is no CUDA
    device where one is asked for.
    """
    place, task = choose(compute), tasks.task(model.task)
    logger.info("train %s on %s", name, place.reason)
    processed = layout.processed(model.dataset)
    meta = load_meta(processed)
    train_set = Images(*load_split(processed, "train"), place.device)
    val_set = Images(*task.examples(*load_split(processed, "val"), "val"), place.device)
    description = describe(name, model, recipe, compute, meta)
    seed_weights(model.seed)
    trained = build(description, place)
    if why := mistake(model, recipe):
        raise SightlineError(f"{name}: {model.network} cannot do {model.task}: {why}")
    if recipe.min_rows > meta["height"]:
        raise SightlineError(
            f"{name}: an image has {meta['height']} rows: recipes.{model.recipe}.min_rows is "
            f"{recipe.min_rows}, lower it"
        )
    prepare(trained, train_set, model.seed)
    description["parameters"] = sum(p.numel() for p in trained.network.parameters())

    path = (
        layout.state.checkpoints
        / f"{name}-{checkpoint.key(description, meta['sha256'], place.reason)}.pt"
    )
    with checkpoint.alone(path) if place.ranks.first else nullcontext():
        run = Run(trained, train_set, val_set, recipe, model.seed, place)
        run.resume(path)
        run.to_the_end(name, path, compute.checkpoint_seconds, progress)
        if place.ranks.first:
            leave(layout, description, run.weights(), run.history, run.timing())
            path.unlink(missing_ok=True)


def build(description: dict, place: Place) -> TrainedModel:
    """Return the untrained model on its device, in channels_last, the faster layout everywhere."""
    try:
        trained = TrainedModel(description)
    except (TypeError, ValueError) as error:
        raise SightlineError(
            f"{description['name']}: the network {description['network']} refuses its settings: "
            f"{error}: change recipes.{description['recipe']['name']}.network in params.yaml"
        ) from None
    return trained.to(place.device, memory_format=torch.channels_last)


def prepare(trained: TrainedModel, train_set: Images, seed: int) -> None:
    """Show the network images of the train split, for what it sets from the data itself."""
    images, _ = train_set.take(order(len(train_set), seed, epoch=0)[:PREPARED_ON])
    trained.network.prepare(normalise(images, trained.mean, trained.std))


class Run:
    """One training run: what a checkpoint holds, and the steps that move it on."""

    def __init__(
        self,
        trained: TrainedModel,
        train_set: Images,
        val_set: Images,
        recipe: Recipe,
        seed: int,
        place: Place,
    ):
        self.trained, self.network, self.recipe = trained, trained.network, recipe
        self.task = trained.task
        self.read = self.task.read
        if place.compile:  # for each size of batch: val's would make every size a symbol
            self.read = torch.compile(self.read, dynamic=False)
        self.dtype = place.dtype
        if place.device.type == "cuda" and self.network.takes_lengths:
            # autocast runs cuDNN's recurrent layers in float16 whatever it is asked for, in which
            # the small gradients of early steps are 0 (AutocastRNN.cpp)
            self.dtype = torch.float32
            logger.info("float32: torch has no bfloat16 for recurrent layers on CUDA")
        if recipe.bptt_steps:
            self.network.bptt_steps = recipe.bptt_steps
        self.train_set, self.val_set, self.seed, self.place = train_set, val_set, seed, place
        self.optimizers = optimizers(self.network, recipe.optimizer)
        self.batch_size = min(recipe.batch_size, len(train_set))
        place.ranks.begin(self.network, self.batch_size)
        self.part = place.ranks.part(self.batch_size)  # of every batch: the images of this process
        # the last, smaller batch of an epoch is left out: another order, another remainder
        self.epoch_steps = len(train_set) // self.batch_size
        self.steps = recipe.epochs * self.epoch_steps
        self.average = average(self.network, recipe)
        self.step, self.history, self.seconds, self.resumed_from = 0, [], 0.0, 0
        self.totals = torch.zeros(2, device=place.device)  # of this epoch: losses, scores

    def state(self) -> dict:
        """Return all that a checkpoint holds. Random draws need no state (see draws.py)."""
        return {
            "network": self.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "average": self.average.values if self.average else None,
            "step": self.step,
            "history": self.history,
            "seconds": self.seconds,
            "totals": self.totals,
        }

    def resume(self, path: Path) -> None:
        """Go on where a killed run's checkpoint stands, if there is one."""
        state = checkpoint.load(path)
        if state is None:
            return
        self.network.load_state_dict(state["network"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        if self.average:
            self.average.values = {k: v.to(self.place.device) for k, v in state["average"].items()}
        self.totals = state["totals"].to(self.place.device)
        self.step, self.history, self.seconds = state["step"], state["history"], state["seconds"]
        self.resumed_from = self.step
        logger.info("resuming from step %d of %d: %s", self.step, self.steps, path)

    def to_the_end(
        self,
        name: str,
        path: Path,
        checkpoint_seconds: float,
        progress: Callable[[int, int, float], None],
    ) -> None:
        """Take the steps that are left; write a checkpoint every so many seconds."""
        begun, saved = time.perf_counter() - self.seconds, time.perf_counter()
        writes = self.place.ranks.first  # what the others hold is the same
        for epoch in range(self.step // self.epoch_steps, self.recipe.epochs):
            visits = order(len(self.train_set), self.seed, epoch)
            self.freeze(name, epoch)
            left = range(self.step % self.epoch_steps, self.epoch_steps)
            indices = (visits.narrow(0, p * self.batch_size, self.batch_size) for p in left)
            batches = self.train_set.batches(index[self.part] for index in indices)
            for position, batch in zip(left, batches, strict=True):
                self.take_step(*batch, epoch)
                self.step += 1
                last = position + 1 == self.epoch_steps
                due = writes and time.perf_counter() - saved > checkpoint_seconds
                if last or due or self.step % CHECK_EVERY == 0:
                    loss = self.totals[0].item() / (position + 1)
                    self.refuse_nan(name, loss)
                    progress(self.step, self.steps, loss)
                if last:
                    self.history.append(self.row(epoch))
                    self.totals.zero_()
                self.seconds = time.perf_counter() - begun
                if due and self.step < self.steps:
                    checkpoint.save(path, self.state())
                    saved = time.perf_counter()

    def freeze(self, name: str, epoch: int) -> None:
        """Train no more what the recipe freezes before this epoch (0, 1, ..)."""
        for part, epochs in self.recipe.frozen_after.items():
            try:
                frozen = self.network.get_submodule(part)
            except AttributeError:
                parts = ", ".join(key for key, _ in self.network.named_children())
                raise SightlineError(
                    f"{name}: frozen_after in its recipe names {part}, which the network does not "
                    f"have: its parts are {parts}"
                ) from None
            if epoch >= epochs:
                frozen.requires_grad_(False)

    def take_step(self, index: Tensor, images: Tensor, labels: Tensor, epoch: int) -> None:
        """Move the weights against the gradient of the loss on the images, which are at `index`."""
        recipe = self.recipe
        images = augment(images, index, recipe.augment, self.draws("augment"), self.seed, epoch)
        images, targets = self.task.pose(images, labels, self.draws("pose"))
        torch.manual_seed(generator(self.seed, "dropout", self.step).initial_seed())
        self.network.train()
        lengths = self.lengths(images)
        raw = self.raw(images, lengths)
        loss = self.task.loss(raw, images, targets, lengths, recipe.label_smoothing)
        self.network.zero_grad(set_to_none=True)
        loss.backward()
        outputs = self.task.named(raw.detach())
        score = self.task.scores(outputs, images, targets, lengths).mean()
        figures = torch.stack([loss.detach(), score])
        self.place.ranks.average(self.network, figures, len(index) / self.batch_size)
        if recipe.clip_norm:
            nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip_norm)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(recipe.schedule, group["peak"], self.step, self.steps)
            optimizer.step()
        if self.average:
            self.average.update(self.network, self.step + 1, self.steps)
        self.totals += figures

    def draws(self, purpose: str) -> Draws:
        """Return what is random about the images of this step's batch, of this process's part."""
        return Draws(generator(self.seed, purpose, self.step), self.batch_size, self.part)

    def learning_rate(self) -> float:
        """Return the learning rate of the step just taken."""
        return self.optimizers[0].param_groups[0]["lr"]

    def lengths(self, images: Tensor) -> Tensor | None:
        """Return how many steps of each training image are shown; None: all of all."""
        least = self.recipe.min_rows
        if not least:
            return None
        rows = self.draws("rows").integers(least, images.shape[1])
        return (rows * self.network.steps_per_row).to(self.place.device, non_blocking=True)

    def raw(self, images: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return what the head says of uint8 images, float32, computed in the place's dtype."""
        x = normalise(images, self.trained.mean, self.trained.std)
        x = x.contiguous(memory_format=torch.channels_last)
        mixed = self.dtype != torch.float32
        with torch.autocast(self.place.device.type, self.dtype, enabled=mixed):
            return self.read(self.network, x, lengths)[0].float()

    def refuse_nan(self, name: str, loss: float) -> None:
        """Stop loudly: nothing that comes after a loss that is no number is worth its time."""
        if not math.isfinite(loss):
            raise SightlineError(
                f"{name}: the loss is {loss} at step {self.step} of {self.steps}, learning rate "
                f"{self.learning_rate():.4g}: lower optimizer.learning_rate in its recipe, or set "
                "clip_norm"
            )

    def row(self, epoch: int) -> dict:
        """Return one line of epochs.csv. Without a val split its columns stay empty."""
        row = {
            "epoch": epoch + 1,
            "step": self.step,
            "learning_rate": f"{self.learning_rate():.6g}",
        }
        row |= self.figures("train", *(self.totals / self.epoch_steps).tolist())
        if len(self.val_set):
            return row | self.figures("val", *self.validate())
        return row | dict.fromkeys(self.figures("val", 0, 0), "")

    def figures(self, split: str, loss: float, score: float) -> dict[str, str]:
        """Return the columns of a split: its mean loss, and the figure that its mean score is."""
        key = self.task.words.figure
        figure = self.task.figure(score)
        return {f"{split}_loss": f"{loss:.6f}", f"{split}_{key}": f"{figure:.6f}"}

    @torch.no_grad()
    def validate(self) -> tuple[float, float]:
        """Return mean loss and score on val, with the averaged weights where there are such."""
        network, weights = self.network.eval(), None
        if self.average:
            weights = {k: v.clone() for k, v in network.state_dict().items()}
            network.load_state_dict(self.average.values)
        loss = score = 0.0
        part = self.place.ranks.part(len(self.val_set))
        starts = range(part.start, part.stop, 1000)  # a rank may have none
        indices = (torch.arange(start, min(start + 1000, part.stop)) for start in starts)
        for _, images, targets in self.val_set.batches(indices):
            raw = self.raw(images)
            loss += self.task.loss(raw, images, targets).item() * len(images)
            score += self.task.scores(self.task.named(raw), images, targets).sum().item()
        if weights:
            network.load_state_dict(weights)
        loss, score = self.place.ranks.total([loss, score], self.place.device)
        return loss / len(self.val_set), score / len(self.val_set)

    def weights(self) -> dict[str, Tensor]:
        """Return what the run has learned, on the CPU."""
        values = self.average.values if self.average else self.network.state_dict()
        return {key: value.detach().cpu().contiguous() for key, value in values.items()}

    def timing(self) -> dict:
        """Return what the run took, and on what."""
        return {
            "seconds": round(self.seconds, 3),
            "steps": self.steps,
            "steps_executed": self.steps - self.resumed_from,
            "images_per_second": round(self.steps * self.batch_size / self.seconds, 1),
            "device": self.place.device.type,
            "processor": processor_name(self.place.device),
            "dtype": str(self.dtype).removeprefix("torch."),
            "threads": self.place.threads,
            "processes": self.place.ranks.count,
            "torch": torch.__version__,
        }
