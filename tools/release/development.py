"""Release keys of development: public on purpose, as everything secret of the demo.

They sign for the channel `develop` only, and no terminal of a shop knows them: a terminal takes a program when two of
the three keys of its own root file signed it. Two sets, so that a change of the keys can be tried, too.
"""

from __future__ import annotations

import functools

from tools.release.signing import Signer, signer_of_primes

CHANNEL = "develop"
_PRIMES = (
    (
        (
            "ff3b4eff4397517381a3562c7dcb9057a661bbba3fe2474d0d8a2943411c7e206a7733470937ea277b0533f50bbc0855"
            "15afdd17435f4710df16e5d5e8bf350d3d9e941e76eaf358dbe56ab6d858a7d929fc13ef25f1f978265097f843efb6eb"
            "823c22c605793bbfeec891ebc9ca2be89aa732ea448942d3683e4f599824f191f3e0421327cb7c5a33b089e8e17e3268"
            "84790d2355b6ce06216aaee2b5fe35c334755dbd8e4666b7d56a2b16f25819404327bd2fff5b1cff4d59c89f3b818945"
        ),
        (
            "d5105ae9295f18763b7882f59d7b7c1cb2d2ceb6917ab74d3aed33a2dd9001b7638d1582664b51a0c1fe17e7bb19c4df"
            "9ffe1ec2acd0f00fcb1805ea597661a955baf6b743e6b4c8d982bfb5b59c7d34db31b085b507cbbf68c199a48eba7f79"
            "a6ff87de67491d005998885070dc1973ea8c07d4e4a2f61d271377b61cba1b8647afa9fe3138ee446eb1ab26ca8a5e14"
            "61d89c9239ae648682461b3864ce6578fe4a4b049b861a6063d4d1b6289cc3e2427216352c247a3a789be1ca67a067bf"
        ),
    ),
    (
        (
            "f7a6581322eab4cb26ba03701dcc7907d35710a6294c453c563c481baf621b588b2605b10a7e7ca5ef3291788435c5a1"
            "435006bd28779427366bc56a272a06887b4ca188e4122d282bcdfd40ab3526b392aabd5c430a0d3e14a1d9b53397c669"
            "c5a4b24afbfef08f0b2671b4f909f1a884dd94b700cbb1c07ee3f0d0f039403c4bac9f73bdc038ef72823a6cc8682c7c"
            "5b9491962dcaa900eb59f13369480ab726e82c53a5a762d44b43ee3e77d62852eb4088736c37f2cfb01f0abdd0f90709"
        ),
        (
            "f6f27d54e440f87250d70437c87b698239cb61e36ce0cf03bc49b33bf0bc51751565cccedd02c3f114bccfc2753e5d2e"
            "1ae25b33de0c544f9bd9856133477dd0421da31f3e24707998ece8391660efe41b23597ebae44f71efab75a76d880dea"
            "c5135b4c403f9aa3935f25be2df27cde4ca7395a064b0cf79595e14bf327e0132eb411ddd84d3e6950b85b348173a8b6"
            "e999db4b9ce130efb0f18dd968bc0da8688f1efc10d8e16eb4e205539f1e49c44c413c554e106987c4a0866a3268b73f"
        ),
    ),
    (
        (
            "bc374e0422cabb79f7fbee77a99350ad5abe1125b04756d427240e0bea7518054fef5a913100e2ace50ef2dbf140ece8"
            "a4d7f4df228962ec84b66a6d2dc33ec6c8a4efc0d9fdf99dc8f9b7835a8bbf87912ec31990b17e051e5e505212f88086"
            "587bf5381ee8f697773204f5abaff9b670198e1850bef3beac5e77ca17cb860b855fe5ec955a535375e8e5b923f0b5ba"
            "7356089678af35486d6b59fd4265abd883476fc20273261a5df85b057e8d344d5259b2858e6e565bc4b6c50ef6c5d04d"
        ),
        (
            "b63df0f508b45dbffde79f206f95c6b76379cae322cd3192a0da0b3d7a497e884e1326daa45591d45af59c80b360cb29"
            "b6067da167d9ac3389297bb65545d04bc155567b36f378afeefc78cc29c271860f4d4b66b2c0bd19c96ecce0b60365d4"
            "6051726baedd9a2b1b131ff6c6db0ea64de599769608b2c1ada0559d2ab626a41cf5379cd07a52bcdabe6fddc3783eb2"
            "a6ec5083172f4c03ae23063b55ab949d126addf374581acadfea402635b39a7fb7ff61c88be76497c0d76c74f6f33cdf"
        ),
    ),
    (
        (
            "cc63aaab8ce08afcfad982c0dfc8001f68d032b2c9594129f4994c8cd7be37f6f50fb8c671c9dcec550a76efa061da9e"
            "c8d044a01b78e407f8143a8cd53b34632faa92bd3b34fd0531326b976d6525829bcd84f5d856e8c5d4ad44b215deee70"
            "6fffe8f0ef7c5f959abfe8ce6f674c735e543baa7df2795411f000fe5d04bcffea814367112e7013e411391eafe55aab"
            "0f298b42fc462b6c95534ddc225bbe235f88b245d9c544332cc9b0e9b44d39f505e5c274944451ddd4951e7742660385"
        ),
        (
            "c27e118f1c0ee244ba63f4d5a0a85ceb533e627f0ee30cbcc06950913171bb057a2a97e119e1e209a3252904ac852a1d"
            "fdef5021288f19154d8970d44ed345b4e9278517c779b6cfbd9cf71edcff802598c61083fc0c2e21724df465fd96cfcf"
            "f1dcb81077eeafa2e2abbacc3c1b636c92fc39fc7f5ac1c73f26e4ec74813bc378d1b2c15b700dd258cacdfca698fa7a"
            "647f1ec479ef44d2da0e926225799f3df3e7fb9dce6d2fd8fc2f33e9a78ccfcab369ead801110dab8c0c232750a528e5"
        ),
    ),
    (
        (
            "d09cd0be236ae551bb2850bec019c203a70ff69b50495b0ac84a5525c6a9a0c4706af6f559b1e7945984dd3f7f02ce29"
            "3f156dda2db158639bef3dc3ef462e7034299d52db1f531d426fa8f1d5e0ee1a04aeb15c931e96f76863496fccf96c16"
            "2af56b92819d4aff12cfa3e31850cbff84f5741d3b201a661b53e186830a1446a58277245103d939cebd74c40c612fa5"
            "f7499c6a856788269b4927352c66effceec39311991aff177a8d591c7be99669b820ffbb3b7533412279dfa3b879e56b"
        ),
        (
            "cdc01a0e96120bf41d7126b250b9160791180ef81189de47c038f64d214eb76a57ac3dca779e471b1a685c7718f1369a"
            "99d9e50fcdcfed7901db2967d88caad512e8a8f49682abcb46a3457efa75d1a7e76b123876541cf7056a186161a5e450"
            "089190c739ccfbdda3c38c515142428d4433806bd3091f62d318a8329acafb860c6ff11fc8f13a864783d26b20dfa33f"
            "3d51023db9e5b25f7bbc5ff58fa8ddca50a6824e6265912a49891aa4023575bca9b2f31d043b51aed35c1fe0cd64cdd9"
        ),
    ),
    (
        (
            "d7fc083396c7ef1cae1b88aa0754dd4f8040f83f368615ce68d99cb6411d2b502aef9f35d36635c79797cdbf13accba8"
            "b0021df6971de7282c861eb7c87772b4da68532c261fe9c7d9951945c26acd4374a45382c44e9ba501bb1476029ca4b0"
            "b7bbd7bfc33c7c92f2247d2facb0797bfead2c29b4ca96e4b4a6ffb50ca19e2aa1fb83792c8a69a080c1a11923b94bf6"
            "ebc61d66a561b2fbc78ef248369b9af79f4da4a9bdeb7eb5a515d15ad274589e912b56c7d6e28b86ca50e7a6b4477429"
        ),
        (
            "c2d40f220e3345891c1dad95e6fe4ac6c0ea73b0a6c0db2459383bc7f177abd88d36f1a195d5c8ffe956cc6685fdadec"
            "1971ff3cefa3a64e691102d5bb404a5c97bcccc77c8375f772291975871bd489e1040d8de3d086eefcf70e52eb355651"
            "80745eca423b0c78b08468cdffc089db22ca8587ec9a1121c72aff3ea2e0fb4ba233a07688afe4cd8a828a85fe7ba81a"
            "e2f52c6185805e171c0e73519f9c9dff2e4b8b81c8a8525598568c13aa211ac9f78620ca940e524a51db78a93b06109f"
        ),
    ),
)


def signers() -> tuple[Signer, Signer, Signer]:
    """The three keys of root 1."""
    return _signer(0), _signer(1), _signer(2)


def next_signers() -> tuple[Signer, Signer, Signer]:
    """The three keys of root 2."""
    return _signer(3), _signer(4), _signer(5)


@functools.cache
def _signer(place: int) -> Signer:
    p, q = (int(text, 16) for text in _PRIMES[place])
    return signer_of_primes(p, q)
