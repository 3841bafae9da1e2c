"""Several real processes evaluate together as one does alone."""
import json
import os

import pytest
import torch
from mmengine.dataset import DefaultSampler
from torch import distributed, multiprocessing

from mmhqnet.registry import METRICS

WORLD_SIZE = 2
OPTIONS = dict(
    type='UniHumanMetric',
    protocol=['official', 'ignore_unlabelled'],
    age_error=[5, 10])


def evaluate(ann_file, samples, batch_size=1):
    """The test loop of this process: its share of the samples, in batches."""
    metric = METRICS.build(dict(OPTIONS, ann_file=ann_file))
    metric.dataset_meta = dict(classes=('person', ))
    # As in the configs; the last share is filled up with images from the
    # beginning.
    indices = list(DefaultSampler(samples, shuffle=False))
    for start in range(0, len(indices), batch_size):
        batch = [samples[i] for i in indices[start:start + batch_size]]
        metric.process({}, batch)
    return metric.evaluate(len(samples))


def run_process(rank, folder, ann_file):
    os.environ['GLOO_SOCKET_IFNAME'] = 'lo'  # host names may not resolve
    distributed.init_process_group(
        'gloo',
        init_method=f'file://{folder}/store',
        rank=rank,
        world_size=WORLD_SIZE)
    samples = torch.load(folder / 'samples.pth', weights_only=False)
    values = evaluate(ann_file, samples, batch_size=2)
    (folder / f'{rank}.json').write_text(json.dumps(values))
    distributed.barrier()
    # The threads of gloo now and then abort a process that ends in the usual
    # way, after all its work is done.
    os._exit(0)


@pytest.mark.slow
@pytest.mark.parametrize('num_images', [13, 1])
def test_processes_agree_with_one(num_images, photo_annotations, photo_samples,
                                  tmp_path):
    ann_file = tmp_path / 'annotations.json'
    image_ids = [sample['img_id'] for sample in photo_samples[:num_images]]
    ann_file.write_text(
        json.dumps(
            dict(
                photo_annotations,
                images=[
                    image for image in photo_annotations['images']
                    if image['id'] in image_ids
                ],
                annotations=[
                    annotation
                    for annotation in photo_annotations['annotations']
                    if annotation['image_id'] in image_ids
                ])))
    torch.save(photo_samples[:num_images], tmp_path / 'samples.pth')
    multiprocessing.spawn(
        run_process, (tmp_path, str(ann_file)), nprocs=WORLD_SIZE)
    expected = evaluate(str(ann_file), photo_samples[:num_images])
    assert 0 < expected['unihuman/box_AP'] < 1
    # Every process gets the values; they count each image once.
    for rank in range(WORLD_SIZE):
        assert json.loads((tmp_path / f'{rank}.json').read_text()) == expected
